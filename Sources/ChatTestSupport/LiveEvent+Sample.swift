package import ChatDomain
package import ChatLive

extension LiveEvent {
    /// A message at a position.
    package static func sample(_ position: Int64, text: String = "text") -> LiveEvent {
        let chatID: ChatID = 1
        let instant = Instant(microsecondsSinceEpoch: 0)
        let message = Message(
            id: 1,
            chatID: chatID,
            position: Position(rawValue: position),
            text: text,
            createdAt: instant
        )
        return LiveEvent(
            LogEntry(
                position: Position(rawValue: position),
                kind: .messageCreated,
                instant: instant,
                subject: .message(message)
            ),
            of: chatID,
            in: 42
        )
    }

    /// The entry with which members leave.
    package static func sample(_ position: Int64, leavers: [UserID]) -> LiveEvent {
        let instant = Instant(microsecondsSinceEpoch: 0)
        let position = Position(rawValue: position)
        let record = LogRecord(MemberEntry.left(leavers), in: 1, at: position, by: nil, instant)
        let chat = Chat(id: 1, title: "chat", createdAt: instant, lastPosition: position)
        return LiveEvent(LogEntry(record, subject: .chat(chat)), of: 1, in: 42)
    }
}
