package import ChatDomain

/// Requests in short form, for tests that are about something else.
extension ChatStore {
    package func createChat(titled title: ChatTitle) async throws(StoreError) -> Chat {
        try await createChat(ChatDraft(title: title)).value
    }

    package func chat(_ id: ChatID, newestMessages limit: Int) async throws(StoreError) -> ChatWithMessages {
        switch try await tail(LogTailRequest(LogTail(chatID: id, limit: limit))) {
        case .read(let chat): return chat
        case .unchanged: throw .failed(reason: "unchanged, though nothing was known")
        }
    }

    package func postMessage(_ text: MessageText, to chat: ChatID) async throws(StoreError) -> Message {
        try await recordMessage(.post(MessageDraft(text: text)), in: chat).value
    }
}
