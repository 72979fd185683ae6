/// A chat and the instant at which its log ends, as a transaction that changes the log must know it.
package struct LogHead: Equatable, Sendable {
    package var chat: Chat
    /// The newest entry's instant; that of the chat's creation for a log without entries.
    package var instant: Instant

    package init(chat: Chat, instant: Instant) {
        self.chat = chat
        self.instant = instant
    }

    package func end(in epoch: Epoch) -> LogEnd {
        LogEnd(epoch: epoch, position: chat.lastPosition, instant: instant)
    }

    /// Takes the next position.
    ///
    /// The instant follows the clock but never runs backwards.
    package mutating func advance(at now: Instant) {
        chat.lastPosition = Position(rawValue: chat.lastPosition.rawValue + 1)
        instant = max(instant, now)
    }
}
