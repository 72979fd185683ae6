/// A chat with all that a store keeps of it beside its log.
package struct ArchivedChat: Equatable, Sendable {
    /// As the archive has it: an import uses its end to tell whether the archive's log is longer than the stored one.
    package var head: LogHead
    /// What the request that created the chat is known by.
    package let idempotency: Idempotency?

    package init(head: LogHead, idempotency: Idempotency? = nil) {
        self.head = head
        self.idempotency = idempotency
    }

    package var id: ChatID {
        head.chat.id
    }

    /// The chat as it was before its first entry.
    package var withoutLog: LogHead {
        let chat = head.chat
        return LogHead(
            chat: Chat(id: chat.id, title: chat.title, metadata: chat.metadata, createdAt: chat.createdAt),
            instant: chat.createdAt
        )
    }
}
