/// Keeps chats and their messages: the seam between the service and a database.
///
/// What every store guarantees, and the conformance suite proves:
/// - A method that returns has its change on disk; a method that throws has changed nothing, unless it throws
///   `StoreError.outcomeUnknown`.
/// - The positions of a chat are 1, 2, 3 … without a hole, in the order of the commits, and `createdAt` never runs
///   backwards along them.
/// - A read sees one snapshot, which contains every change whose method had returned before the read began.
/// - Ids grow, and are never used again.
/// - A draft with an idempotency key is stored once, whoever sends it again, to whichever process, as long as what it made
///   exists; the same key on other content is `StoreError.idempotencyKeyReused`.
package protocol ChatStore: Sendable {
    func createChat(_ draft: ChatDraft) async throws(StoreError) -> Accepted<Chat>

    /// Appends a message to its chat's log.
    ///
    /// - Throws: `StoreError.chatNotFound` also when the chat is deleted while the message is on its way.
    func postMessage(_ draft: MessageDraft) async throws(StoreError) -> Accepted<Message>

    /// Reads a chat and its newest messages, unless they are as the reader knows them.
    func tail(_ request: LogTailRequest) async throws(StoreError) -> LogTailAnswer

    /// Deletes a chat and all its messages.
    func deleteChat(_ id: ChatID) async throws(StoreError)

    /// Returns when the database answers and its schema is the one this program was built for.
    func checkReadiness() async throws(StoreError)
}
