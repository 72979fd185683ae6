/// A conversation: a title and an append-only log of messages and of what became of them.
package struct Chat: Equatable, Sendable {
    package let id: ChatID
    package var title: String
    package var metadata: Metadata?
    package let createdAt: Instant
    /// Where the log ends; 0 for a log without entries.
    ///
    /// Whatever changes in the chat moves it; an import that is under way moves it after the changes.
    package var lastPosition: Position
    /// When the newest message was posted, be it deleted since; nil if there was none.
    package var lastMessageAt: Instant?
    /// How many messages there are that are not deleted.
    package var messageCount: Int64

    package init(
        id: ChatID,
        title: String,
        metadata: Metadata? = nil,
        createdAt: Instant,
        lastPosition: Position = Position(rawValue: 0),
        lastMessageAt: Instant? = nil,
        messageCount: Int64 = 0
    ) {
        self.id = id
        self.title = title
        self.metadata = metadata
        self.createdAt = createdAt
        self.lastPosition = lastPosition
        self.lastMessageAt = lastMessageAt
        self.messageCount = messageCount
    }
}
