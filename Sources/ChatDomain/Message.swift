/// One message as it stands in its chat's log.
package struct Message: Equatable, Sendable {
    package let id: MessageID
    package let chatID: ChatID
    /// Where it was posted; later changes have positions of their own.
    package let position: Position
    /// Empty for a message that was deleted.
    package var text: String
    package var metadata: Metadata?
    /// The message of the same chat that this one answers.
    package let replyTo: MessageID?
    /// When the message was accepted; within a chat it never runs backwards as positions grow.
    package let createdAt: Instant
    /// 1 as it was posted, and one more for each edit.
    package var revision: Int64
    package var editedAt: Instant?
    /// When the message was deleted; what is left of it is its place in the log.
    package var deletedAt: Instant?

    package init(
        id: MessageID,
        chatID: ChatID,
        position: Position,
        text: String,
        metadata: Metadata? = nil,
        replyTo: MessageID? = nil,
        createdAt: Instant,
        revision: Int64 = 1,
        editedAt: Instant? = nil,
        deletedAt: Instant? = nil
    ) {
        self.id = id
        self.chatID = chatID
        self.position = position
        self.text = text
        self.metadata = metadata
        self.replyTo = replyTo
        self.createdAt = createdAt
        self.revision = revision
        self.editedAt = editedAt
        self.deletedAt = deletedAt
    }

    package var isDeleted: Bool {
        deletedAt != nil
    }
}
