/// A chat to be created.
package struct ChatDraft: Sendable {
    package let title: ChatTitle
    package let idempotency: Idempotency?

    package init(title: ChatTitle, idempotencyKey: IdempotencyKey? = nil) {
        self.title = title
        idempotency = idempotencyKey.map { Idempotency(key: $0, content: title.value) }
    }
}
