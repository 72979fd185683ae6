package import ChatDomain

extension Operations {
    /// Creates a chat, or returns the one that the caller's earlier request with the same idempotency key created.
    ///
    /// - Throws: `StoreError.forbidden` if the caller may not create chats, and `StoreError.chatNotFound` if the caller may
    ///   no longer read the earlier one.
    package func createChat(_ caller: Caller, _ draft: ChatDraft) async throws(StoreError) -> Accepted<Chat> {
        guard caller.rights.mayCreateChats else { throw .forbidden }
        let accepted = try await store.createChat(draft, by: caller)
        let id = accepted.value.id
        guard accepted.isReplay, caller.membership(for: .read, in: id) != nil else { return accepted }
        let readable = try await store.chats(withIDs: [id], for: .read, by: caller)
        guard let chat = readable.chats.first else { throw .chatNotFound }
        return Accepted(chat, isReplay: true)
    }

    /// Lists the chats that the caller may read, most recently active first, with what the caller's user has read.
    ///
    /// - Parameter epoch: The epoch of the cursor of the query; nil at the start of the list.
    /// - Throws: `OperationError.cursorExpired` if the cursor belongs to another epoch, and `StoreError`.
    package func listChats(
        _ caller: Caller,
        _ query: ChatListQuery,
        in epoch: Epoch? = nil
    ) async throws -> ChatList {
        var query = query
        query.scope = caller.listedChats
        query.reader = caller.author
        if let reader = query.reader {
            await readMarkers.flush(of: reader)
        }
        let list = try await store.chats(query)
        if let epoch, epoch != list.epoch { throw OperationError.cursorExpired(in: list.epoch) }
        return current(list)
    }

    /// A conditional read of a chat with its latest messages; nil if its log still ends where the caller knows.
    package func readChat(_ caller: Caller, _ request: LatestMessagesRequest) async throws(StoreError)
        -> LatestMessages?
    {
        try await store.latestMessages(LatestMessagesRead(request, by: caller)).map(current)
    }

    /// Reads a chat with its latest messages, unconditionally.
    package func readChat(_ caller: Caller, _ query: LatestMessagesQuery) async throws(StoreError) -> LatestMessages {
        current(try await store.latestMessages(query, by: caller))
    }

    /// Changes the title, the metadata or both, and returns the chat.
    ///
    /// An edit that changes nothing adds no log entry.
    ///
    /// - Throws: `StoreError.chatNotFound` if the chat does not exist.
    package func editChat(_ caller: Caller, _ id: ChatID, _ edit: ChatEdit) async throws(StoreError) -> Chat {
        try await store.updateChat(id, edit, by: caller)
    }

    /// Deletes a chat; if it is large, its messages are purged in the background.
    ///
    /// - Throws: `StoreError.chatNotFound` if the chat does not exist.
    package func deleteChat(_ caller: Caller, _ id: ChatID) async throws(StoreError) {
        try await store.deleteChat(id, by: caller)
        onDeletion()
    }
}
