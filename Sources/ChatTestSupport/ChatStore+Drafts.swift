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

    package func latestMessages(_ query: LatestMessagesQuery) async throws(StoreError) -> LatestMessages {
        try await latestMessages(query, by: .anonymous)
    }

    package func latestMessages(_ request: LatestMessagesRequest) async throws(StoreError) -> LatestMessages? {
        try await latestMessages(LatestMessagesRead(request, by: .anonymous))
    }

    package func message(_ id: MessageID, in chat: ChatID) async throws(StoreError) -> Message {
        try await message(id, in: chat, by: .anonymous)
    }

    package func messages(_ query: MessagePageQuery) async throws(StoreError) -> MessagePage {
        try await messages(query, by: .anonymous)
    }

    package func log(of chat: ChatID, after position: Position, limit: Int) async throws(StoreError) -> LogPage {
        try await log(of: chat, after: position, limit: limit, by: .anonymous)
    }

    package func deleteChat(_ id: ChatID) async throws(StoreError) {
        try await deleteChat(id, by: .anonymous)
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

extension MemberStore {
    /// Changes members in the name of a user without a grant.
    @discardableResult
    package func change(
        _ change: MemberChange,
        in chat: ChatID,
        by user: UserID
    ) async throws(StoreError) -> [Member] {
        try await changeMembers(MemberRequest(change, in: chat, by: .ungranted(user)))
    }

    package func readState(of chat: ChatID, by caller: Caller) async throws(StoreError) -> ReadState {
        try await readState(of: chat, by: caller, after: nil)
    }

    package func members(of chat: ChatID, after user: UserID? = nil, limit: Int) async throws(StoreError) -> [Member] {
        try await members(of: chat, after: user, limit: limit, by: .anonymous).members
    }
}
