/// A message to be appended to a chat's log.
package struct MessageDraft: Sendable {
    package let chatID: ChatID
    package let text: MessageText
    package let idempotency: Idempotency?

    package init(to chatID: ChatID, text: MessageText, idempotencyKey: IdempotencyKey? = nil) {
        self.chatID = chatID
        self.text = text
        idempotency = idempotencyKey.map { Idempotency(key: $0, content: text.value) }
    }
}
