package import ChatDomain

extension Operations {
    package func createChat(_ caller: Caller, _ draft: ChatDraft) async throws(StoreError) -> Accepted<Chat> {
        var draft = draft
        draft.caller = caller
        return try await store.createChat(draft)
    }

    /// - Parameter epoch: The epoch that the query's cursor belongs to; nil at the start of the list.
    /// - Throws: `OperationError.epochChanged` if the cursor belongs to another epoch, and `StoreError`.
    package func listChats(
        _ caller: Caller,
        _ query: ChatListQuery,
        in epoch: Epoch? = nil
    ) async throws -> ChatList {
        let list = try await store.chats(query)
        if let epoch, epoch != list.epoch { throw OperationError.epochChanged(to: list.epoch) }
        return list
    }

    /// Reads a chat with its latest messages, unless its log still ends where the caller knows.
    package func readChat(_ caller: Caller, _ request: LogTailRequest) async throws(StoreError) -> LatestMessages? {
        try await store.tail(request)
    }

    /// Reads a chat with its latest messages.
    package func readChat(_ caller: Caller, _ tail: LogTail) async throws(StoreError) -> LatestMessages {
        try await store.tail(tail)
    }

    package func editChat(_ caller: Caller, _ id: ChatID, _ edit: ChatEdit) async throws(StoreError) -> Chat {
        try await store.updateChat(id, edit, by: caller)
    }

    package func deleteChat(_ caller: Caller, _ id: ChatID) async throws(StoreError) {
        try await store.deleteChat(id)
        onChatDeleted()
    }
}
