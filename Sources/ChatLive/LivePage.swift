import ChatDomain

/// A stretch of a chat's log for those who follow it.
struct LivePage: Sendable {
    /// Without a hole, from behind the position that was asked for.
    let events: [LiveEvent]
    /// Where the log ended when they were read.
    let lastPosition: Position
    let epoch: Epoch
    /// Whether the entry before it was written after the reader has seen another one there.
    let isRewritten: Bool

    /// Whether what a reader has seen up to a position is not what the database holds any more.
    func isOfAnotherHistory(than epoch: Epoch, after position: Position) -> Bool {
        self.epoch != epoch || lastPosition < position || isRewritten
    }

    /// Whether it lacks what the log must have after a position: then the log is damaged.
    func hasHole(after position: Position) -> Bool {
        lastPosition > position && events.first?.position?.rawValue != position.rawValue + 1
    }
}
