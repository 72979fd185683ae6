package import ChatDomain

/// Requests without idempotency keys, for tests that are about something else.
extension ChatStore {
    package func createChat(titled title: ChatTitle) async throws(StoreError) -> Chat {
        try await createChat(ChatDraft(title: title)).value
    }

    package func postMessage(_ text: MessageText, to chat: ChatID) async throws(StoreError) -> Message {
        try await postMessage(MessageDraft(to: chat, text: text)).value
    }
}
