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

    /// - Parameters:
    ///   - stretches: Each of another chat.
    ///   - skipsConflicts: Whether to import the rest of a batch with conflicts, instead of nothing: of a chat with a
    ///     conflict, the entries before it.
    func importBatch(_ stretches: [ArchivedStretch], skipsConflicts: Bool) async throws(StoreError) -> ImportResult

    /// Reads what is stored of a batch, without keeping anyone from changing it.
    func stored(of stretches: [ArchivedStretch]) async throws(StoreError) -> ImportPlan.Knowledge

    /// Gives the history a new epoch, by which readers learn that it may have gone backward.
    func renewEpoch() async throws(StoreError) -> Epoch
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

/// What has become of a batch of an import.
package struct ImportResult: Equatable, Sendable {
    /// What was not there before.
    package let added: ImportCount
    /// What was not imported and why, at most once for each chat.
    package let conflicts: [ImportConflict]

    package init(added: ImportCount, conflicts: [ImportConflict] = []) {
        self.added = added
        self.conflicts = conflicts
    }
}

/// What stands in the way of importing a chat or the rest of its log, in words for the person who runs it.
package struct ImportConflict: Error, Equatable {
    package let chatID: ChatID
    /// The first entry that cannot be imported; nil if the chat itself cannot.
    package let position: Position?
    package let reason: String
}
