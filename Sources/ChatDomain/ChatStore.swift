/// Stores chats and their messages: the boundary between the service and a database.
///
/// Every store guarantees the following, and the conformance suite proves it:
/// - When a method returns, its change is on disk. When it throws, it has changed nothing, unless it throws
///   `StoreError.outcomeUnknown`, which reads never do.
/// - All writes wait in bounded queues, one per kind, until they run in a batch.
/// - A chat's positions are 1, 2, 3 … without gaps, over messages and changes together, in commit order. Instants never
///   decrease as positions increase.
/// - A read sees one snapshot, which contains every change whose method returned before the read began. Its result
///   carries the epoch of that snapshot: within an epoch, a position of a chat always names the same entry.
/// - Ids increase and are never reused.
/// - A draft with an idempotency key is stored once for each author, no matter how often or through which process it is
///   sent, as long as the chat or message it created exists. If the same author reuses the key for other content, that
///   throws `StoreError.idempotencyKeyReused`.
/// - The caller of a write is the author of its message or log entry. Whether the caller may make the write is decided
///   in its transaction, from the memberships of that moment. It throws `StoreError.forbidden`, or
///   `StoreError.chatNotFound` if the caller must not learn that the chat exists.
/// - A read with a caller reads the caller's membership in its snapshot, too. A chat that the caller may not read looks
///   missing.
package protocol ChatStore: Sendable {
    /// Publishes changes made by this process, and those that the store learns of from other processes.
    var signals: LogSignals { get }

    /// Creates a chat, or returns the chat that the caller's earlier request with the same idempotency key created.
    ///
    /// A chat created by a user begins with the entry of its owner; one without members has an empty log.
    ///
    /// - Throws: `StoreError.idempotencyKeyReused` if the key was used for other content.
    func createChat(_ draft: ChatDraft, by caller: Caller) async throws(StoreError) -> Accepted<Chat>

    /// Posts, edits or deletes a message.
    ///
    /// - Returns: The message in its new state. An edit that changes nothing returns it as it was.
    /// - Throws: `StoreError.chatNotFound` also if the chat is deleted while the request waits.
    func recordMessage(_ request: LogRequest) async throws(StoreError) -> Accepted<Message>

    /// Changes an open message without adding an entry to the log, and returns the message.
    ///
    /// - Throws: `StoreError.messageNotOpen`, and `StoreError.writerReplaced` for an epoch that is not the current one.
    func changeStream(_ request: StreamRequest) async throws(StoreError) -> Message

    /// Finds open messages whose writers' time is over, in no particular order.
    ///
    /// - Parameter limit: The maximum number of messages, at least 1.
    func lapsedMessages(at now: Instant, limit: Int) async throws(StoreError) -> [BatchPlan.MessageReference]

    /// Reads the open messages of several chats, in no particular order; missing chats have none.
    func openMessages(of chats: [ChatID]) async throws(StoreError) -> [Message]

    /// Edits a chat and returns its new state; an edit that changes nothing adds no log entry.
    func updateChat(_ id: ChatID, _ edit: ChatEdit, by caller: Caller) async throws(StoreError) -> Chat

    /// Deletes a chat and all its messages.
    ///
    /// The chat disappears for all readers at once. A small chat is removed from disk in the same transaction, a large
    /// one later by `purgeDeletedChats`.
    func deleteChat(_ id: ChatID, by caller: Caller) async throws(StoreError)

    /// Removes a bounded part of the remaining data of deleted chats.
    ///
    /// - Returns: Whether there may be more; call it again until it returns false.
    func purgeDeletedChats() async throws(StoreError) -> Bool

    /// Returns those of the chats that the caller may read, with the caller's memberships; missing ones are left out.
    ///
    /// - Parameter action: A membership is read if it decides whether the caller may do this.
    func chats(
        withIDs ids: [ChatID],
        for action: ChatAction,
        by caller: Caller
    ) async throws(StoreError) -> ChatSnapshot

    /// Lists chats, most recently active first.
    ///
    /// - Throws: `StoreError.searchTimedOut` if a title search takes too long. No other request waits for a search.
    func chats(_ query: ChatListQuery) async throws(StoreError) -> ChatList

    /// Reads a chat and its latest messages.
    ///
    /// - Returns: Nil if the log still ends where the request says, which means that nothing in the chat has changed.
    func latestMessages(_ read: LatestMessagesRead) async throws(StoreError) -> LatestMessages?

    /// Returns a message in its current state.
    ///
    /// - Throws: `StoreError.messageNotFound` also for a deleted message.
    func message(_ id: MessageID, in chat: ChatID, by caller: Caller) async throws(StoreError) -> Message

    /// Reads a page of a chat's messages; deleted messages are part of it, without text.
    func messages(_ query: MessagePageQuery, by caller: Caller) async throws(StoreError) -> MessagePage

    /// Reads the entries after a position.
    ///
    /// - Parameter limit: The maximum number of entries, at least 1.
    func log(
        of chat: ChatID,
        after position: Position,
        limit: Int,
        by caller: Caller
    ) async throws(StoreError) -> LogPage

    /// Returns if the database is reachable and its schema is the one that this program was built for.
    ///
    /// - Throws: `StoreError.schemaMismatch` for any other schema.
    func checkReadiness() async throws(StoreError)
}

extension ChatStore {
    /// Returns those of the chats that exist; missing ones are left out.
    package func chats(withIDs ids: [ChatID]) async throws(StoreError) -> ChatSnapshot {
        try await chats(withIDs: ids, for: .read, by: .anonymous)
    }

    /// Returns a chat without its messages.
    ///
    /// - Throws: `StoreError.chatNotFound` if it does not exist.
    package func chat(_ id: ChatID) async throws(StoreError) -> Chat {
        guard let chat = try await chats(withIDs: [id]).heads.first?.chat else { throw .chatNotFound }
        return chat
    }

    /// Reads a chat and its latest messages unconditionally.
    package func latestMessages(
        _ query: LatestMessagesQuery,
        by caller: Caller
    ) async throws(StoreError) -> LatestMessages {
        guard let latest = try await latestMessages(LatestMessagesRead(LatestMessagesRequest(query), by: caller)) else {
            throw .failed(reason: "an unconditional read found the log unchanged")
        }
        return latest
    }
}
