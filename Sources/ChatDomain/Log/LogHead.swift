/// A chat and the instant at which its log ends: the state that appending to the log depends on.
package struct LogHead: Equatable, Sendable {
    /// Includes the log's last position.
    package var chat: Chat
    /// The last entry's instant; for an empty log, when the chat was created.
    package var instant: Instant

    package init(chat: Chat, instant: Instant) {
        self.chat = chat
        self.instant = instant
    }

    /// Identifies this state of the log.
    ///
    /// - Parameter epoch: The epoch of the snapshot in which the head was read.
    package func end(in epoch: Epoch) -> LogEnd {
        LogEnd(epoch: epoch, position: chat.lastPosition, instant: instant)
    }

    /// Advances to the next position.
    ///
    /// The instant follows the clock but never runs backward.
    package mutating func advance(at now: Instant) {
        chat.lastPosition = Position(rawValue: chat.lastPosition.rawValue + 1)
        instant = max(instant, now)
    }
}
