/// One message as it stands in its chat's log.
package struct Message: Equatable, Sendable {
    package let id: MessageID
    package let chatID: ChatID
    package let position: Position
    package let text: String
    /// When the message was accepted; within a chat it never runs backwards as positions grow.
    package let createdAt: Instant

    package init(id: MessageID, chatID: ChatID, position: Position, text: String, createdAt: Instant) {
        self.id = id
        self.chatID = chatID
        self.position = position
        self.text = text
        self.createdAt = createdAt
    }
}
