/// A chat to be created.
package struct ChatDraft: Sendable {
    package let title: ChatTitle
    package let metadata: Metadata?
    package let idempotency: Idempotency?
    /// Who creates the chat.
    package var caller = Caller.anonymous

    package init(title: ChatTitle, metadata: Metadata? = nil, idempotencyKey: IdempotencyKey? = nil) {
        self.title = title
        self.metadata = metadata
        idempotency = idempotencyKey.map { Idempotency(key: $0, content: title.value, metadata?.canonical) }
    }
}
