/// Keeps chats and their messages: the seam between the service and a database.
///
/// What every store guarantees, and the conformance suite proves:
/// - A method that returns has its change on disk; a method that throws has changed nothing, unless it throws
///   `StoreError.outcomeUnknown`, which no read does.
/// - All writes wait in bounded queues for their turn in a batch, those of each kind in one of their own.
/// - The positions of a chat are 1, 2, 3 … without a hole, over messages and changes together, in the order of the
///   commits, and instants never run backwards along them.
/// - A read sees one snapshot, which contains every change whose method had returned before the read began. What it
///   returns carries the epoch of that snapshot: positions of one epoch and one chat always name the same entries.
/// - Ids grow, and are never used again.
/// - A draft with an idempotency key is stored once, whoever sends it again, to whichever process, as long as what it made
///   exists; the same key on other content is `StoreError.idempotencyKeyReused`.
package protocol ChatStore: Sendable {
    /// Where the store signals what this process has changed, and what it learns of the others' changes.
    var signals: LogSignals { get }

    func createChat(_ draft: ChatDraft) async throws(StoreError) -> Accepted<Chat>

    /// Posts, edits or deletes a message.
    ///
    /// - Returns: The message that was posted or changed.
    /// - Throws: `StoreError.chatNotFound` also when the chat is deleted while the change is waiting.
    func recordMessage(_ request: LogRequest) async throws(StoreError) -> Accepted<Message>

    /// Edits a chat; an edit that changes nothing adds no entry to its log.
    func updateChat(_ id: ChatID, _ edit: ChatEdit, by caller: Caller) async throws(StoreError) -> Chat

    /// Deletes a chat and all its messages: for every reader at once, and from the disk at once or, where there is much of
    /// it, by `purgeDeletedChats`.
    func deleteChat(_ id: ChatID) async throws(StoreError)

    /// Removes a bounded part of what chats that were deleted have left.
    ///
    /// - Returns: Whether there is more.
    func purgeDeletedChats() async throws(StoreError) -> Bool

    /// Those of the chats that exist.
    func chats(withIDs ids: [ChatID]) async throws(StoreError) -> ChatSnapshot

    /// - Throws: `StoreError.searchTimedOut` where a search for a part of titles takes too long; nothing else waits for it.
    func chats(_ query: ChatListQuery) async throws(StoreError) -> ChatList

    /// Reads a chat and its newest messages.
    ///
    /// - Returns: Nil if the log still ends where the reader knows, so that nothing in the chat has changed.
    func tail(_ request: LogTailRequest) async throws(StoreError) -> LatestMessages?

    /// - Throws: `StoreError.messageNotFound` also for a message that was deleted.
    func message(_ id: MessageID, in chat: ChatID) async throws(StoreError) -> Message

    func messages(_ query: MessagePageQuery) async throws(StoreError) -> MessagePage

    /// Reads a chat's log from behind a position on.
    ///
    /// - Parameter limit: The most entries to return, at least 1.
    func log(of chat: ChatID, after position: Position, limit: Int) async throws(StoreError) -> LogPage

    /// Returns when the database answers and its schema is the one this program was built for.
    func checkReadiness() async throws(StoreError)
}

extension ChatStore {
    package func chat(_ id: ChatID) async throws(StoreError) -> Chat {
        guard let chat = try await chats(withIDs: [id]).heads.first?.chat else { throw .chatNotFound }
        return chat
    }

    /// Reads a chat and its newest messages, whatever the reader knows.
    package func tail(_ tail: LogTail) async throws(StoreError) -> LatestMessages {
        guard let latest = try await self.tail(LogTailRequest(tail)) else {
            throw .failed(reason: "a tail is unchanged that was not known")
        }
        return latest
    }
}
