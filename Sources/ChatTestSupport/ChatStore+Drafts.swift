package import ChatDomain

/// Shorthand for requests that are not the subject of a test.
extension ChatStore {
    /// Creates a chat without metadata or idempotency key.
    package func createChat(titled title: ChatTitle) async throws(StoreError) -> Chat {
        try await createChat(ChatDraft(title: title)).value
    }

    package func createChat(_ draft: ChatDraft) async throws(StoreError) -> Accepted<Chat> {
        try await createChat(draft, by: .anonymous)
    }

    /// The epoch of the database's history.
    package var epoch: Epoch {
        get async throws(StoreError) { try await chats(withIDs: []).epoch }
    }

    /// Reads a chat with its latest messages, oldest first.
    package func chat(_ id: ChatID, newestMessages limit: Int) async throws(StoreError) -> ChatWithMessages {
        try await latestMessages(LatestMessagesQuery(chatID: id, limit: limit)).chat
    }

    package func recordMessage(
        _ change: LogChange,
        in chat: ChatID,
        by caller: Caller = .anonymous
    ) async throws(StoreError) -> Accepted<Message> {
        try await recordMessage(LogRequest(change, in: chat, by: caller))
    }

    @discardableResult
    package func updateChat(_ id: ChatID, _ edit: ChatEdit) async throws(StoreError) -> Chat {
        try await updateChat(id, edit, by: .anonymous)
    }

    /// Posts a message without metadata or idempotency key.
    package func postMessage(_ text: MessageText, to chat: ChatID) async throws(StoreError) -> Message {
        try await recordMessage(.post(MessageDraft(text: text)), in: chat).value
    }

    /// Edits a message, whatever its revision; a nil text keeps the current one.
    package func edit(
        _ id: MessageID,
        in chat: ChatID,
        text: String? = nil,
        _ metadata: MetadataEdit = .keep,
        by caller: Caller = .anonymous
    ) async throws -> Message {
        let edit = MessageEdit(text: try text.map { try MessageText($0) }, metadata: metadata)
        return try await recordMessage(.edit(id, edit, onlyIf: .any), in: chat, by: caller).value
    }

    @discardableResult
    package func delete(
        _ id: MessageID,
        in chat: ChatID,
        by caller: Caller = .anonymous
    ) async throws(StoreError) -> Message {
        try await recordMessage(.delete(id, onlyIf: .any), in: chat, by: caller).value
    }
}
