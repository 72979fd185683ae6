/// Takes chats out of a database and puts them into another one, with their ids, positions and instants.
///
/// What every store guarantees, and the archive's tests prove:
/// - Importing what is there already changes nothing. Where the archive's log is longer, it goes on, and messages that were
///   edited or deleted in the archive become what they are there; one that is newer in the store stays as it is.
/// - A batch is imported whole or not at all, and a reader sees a chat without a hole, as far as it has come.
/// - Ids that are given afterwards are beyond every one that was imported.
package protocol ChatArchive: Sendable {
    /// The chats with ids above `id`, in the order of their ids.
    ///
    /// - Parameter limit: The most chats to return, at least 1.
    func archivedChats(after id: ChatID, limit: Int) async throws(StoreError) -> [ArchivedChat]

    /// Reads a chat's log from behind a position on, in one snapshot.
    ///
    /// - Parameter limit: The most entries to return, at least 1.
    /// - Throws: `StoreError.chatNotFound` also when the chat is deleted by now.
    func archivedEntries(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) async throws(StoreError) -> [ArchivedEntry]

    /// - Parameter stretches: Each of another chat.
    /// - Returns: What was not there before, or why all of it was refused.
    func importBatch(_ stretches: [ArchivedStretch]) async throws(StoreError) -> Result<ImportCount, ImportConflict>
}

/// How much an import has added.
package struct ImportCount: Equatable, Sendable {
    package var chats: Int64
    package var entries: Int64

    package init(chats: Int64 = 0, entries: Int64 = 0) {
        self.chats = chats
        self.entries = entries
    }
}

/// What stands in the way of an import, in words for the person who runs it.
package struct ImportConflict: Error, Equatable {
    package let reason: String

    package init(reason: String) {
        self.reason = reason
    }
}
