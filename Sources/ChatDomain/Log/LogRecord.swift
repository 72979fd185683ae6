/// A log entry as it is stored, if it is not a message of its own: data that no store interprets.
package struct LogRecord: Equatable, Sendable {
    package let chatID: ChatID
    package let position: Position
    package let kind: LogEntry.Kind
    package let instant: Instant
    /// The message that the entry is about; nil for an entry about the chat.
    package let messageID: MessageID?
    /// What else the entry says.
    package let payload: Metadata?

    package init(
        chatID: ChatID,
        position: Position,
        kind: LogEntry.Kind,
        instant: Instant,
        messageID: MessageID? = nil,
        payload: Metadata? = nil
    ) {
        self.chatID = chatID
        self.position = position
        self.kind = kind
        self.instant = instant
        self.messageID = messageID
        self.payload = payload
    }
    /// A record as it is read from a database.
    ///
    /// - Throws: `StoreError.failed` for a record that no store writes.
    package init(
        chatID: ChatID,
        position: Position,
        storedKind: String,
        instant: Instant,
        messageID: MessageID?,
        payload: Metadata?
    ) throws(StoreError) {
        guard let kind = LogEntry.Kind(rawValue: storedKind), kind != .messageCreated,
            kind.isAboutMessage == (messageID != nil)
        else {
            throw .failed(reason: "the entry \(position.rawValue) of chat \(chatID.rawValue) is no \(storedKind)")
        }
        self.init(
            chatID: chatID,
            position: position,
            kind: kind,
            instant: instant,
            messageID: messageID,
            payload: payload
        )
    }
}
