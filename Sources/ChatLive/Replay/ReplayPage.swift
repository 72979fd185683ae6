import ChatDomain

/// A page of a log, encoded for subscribers.
struct ReplayPage: Sendable {
    /// The entries after the requested position, in order.
    let events: [LiveEvent]
    /// The end of the log when the page was read.
    let lastPosition: Position
    let epoch: Epoch
    /// Whether the entry before the page is newer than the one the subscriber has: the log was rewritten.
    let isRewritten: Bool

    /// Whether the entries up to a position, which a subscriber has, are no longer those of the database.
    func isOfAnotherHistory(than epoch: Epoch, after position: Position) -> Bool {
        self.epoch != epoch || lastPosition < position || isRewritten
    }

    /// Whether the entry after a position is missing although the log extends past it: the log is damaged.
    func hasHole(after position: Position) -> Bool {
        lastPosition > position && events.first?.position?.rawValue != position.rawValue + 1
    }
}
