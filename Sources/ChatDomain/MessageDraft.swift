/// A message to be appended to a chat's log.
package struct MessageDraft: Sendable {
    package let text: MessageText
    package let metadata: Metadata?
    /// A message of the same chat, which must be there.
    package let replyTo: MessageID?
    package let idempotency: Idempotency?

    package init(
        text: MessageText,
        metadata: Metadata? = nil,
        replyTo: MessageID? = nil,
        idempotencyKey: IdempotencyKey? = nil
    ) {
        self.text = text
        self.metadata = metadata
        self.replyTo = replyTo
        idempotency = idempotencyKey.map { key in
            Idempotency(key: key, content: text.value, metadata?.canonical, replyTo.map { String($0.rawValue) })
        }
    }
}
