/// A conversation: a title and an append-only log of messages.
package struct Chat: Equatable, Sendable {
    package let id: ChatID
    package let title: String
    package let createdAt: Instant

    package init(id: ChatID, title: String, createdAt: Instant) {
        self.id = id
        self.title = title
        self.createdAt = createdAt
    }
}
