import ChatDomain

/// A page of a chat's log for subscribers.
struct ReplayPage: Sendable {
    /// Consecutive, from after the requested position.
    let events: [LiveEvent]
    /// Where the log ended when the page was read.
    let lastPosition: Position
    let epoch: Epoch
    /// Whether the entry before the page is newer than the one that the subscriber has.
    let isRewritten: Bool

    /// Whether the database no longer holds what a subscriber has up to a position.
    func isOfAnotherHistory(than epoch: Epoch, after position: Position) -> Bool {
        self.epoch != epoch || lastPosition < position || isRewritten
    }

    /// Whether the log, although it goes on, has no entry after a position: then it is damaged.
    func hasHole(after position: Position) -> Bool {
        lastPosition > position && events.first?.position?.rawValue != position.rawValue + 1
    }
}
