/// A stored log entry other than a new message; stores do not interpret it.
package struct LogRecord: Equatable, Sendable {
    /// The first part of the record's key.
    package let chatID: ChatID
    /// Shares one sequence with the positions of the chat's messages.
    package let position: Position
    /// Never `messageCreated`: a posted message is stored as itself.
    package let kind: LogEntry.Kind
    /// Who made the change; nil if the caller was anonymous.
    package let author: UserID?
    /// When the entry was appended.
    package let instant: Instant
    /// The message that the entry is about, always of the same chat; nil for an entry about the chat.
    package let messageID: MessageID?
    /// Additional data of the entry; nil unless it is about members (`MemberEntry`).
    package let payload: Metadata?

    package init(
        chatID: ChatID,
        position: Position,
        kind: LogEntry.Kind,
        author: UserID? = nil,
        instant: Instant,
        messageID: MessageID? = nil,
        payload: Metadata? = nil
    ) {
        self.chatID = chatID
        self.position = position
        self.kind = kind
        self.author = author
        self.instant = instant
        self.messageID = messageID
        self.payload = payload
    }

    /// Validates a record read from a database or an archive.
    ///
    /// - Throws: `StoreError.failed` for a record that no store writes.
    package init(
        chatID: ChatID,
        position: Position,
        storedKind: String,
        author: UserID?,
        instant: Instant,
        messageID: MessageID?,
        payload: Metadata?
    ) throws(StoreError) {
        guard let kind = LogEntry.Kind(rawValue: storedKind), kind != .messageCreated,
            kind.isAboutMessage == (messageID != nil), !kind.isAboutMembers || payload != nil
        else {
            throw .failed(
                reason: "the entry \(position.rawValue) of chat \(chatID.rawValue) is not a valid \(storedKind)"
            )
        }
        self.init(
            chatID: chatID,
            position: position,
            kind: kind,
            author: author,
            instant: instant,
            messageID: messageID,
            payload: payload
        )
    }
}
