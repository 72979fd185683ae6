package import ChatDomain

extension PostgresStore: ChatArchive {
    package func archivedChats(after id: ChatID, limit: Int) async throws(StoreError) -> [ArchivedChat] {
        try await database.fetchArchivedChats(after: id, limit: limit)
    }

    package func archivedEntries(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) async throws(StoreError) -> [ArchivedEntry] {
        try await database.fetchArchivedEntries(of: chat, after: position, limit: limit)
    }

    package func importBatch(
        _ stretches: [ArchivedStretch],
        skipsConflicts: Bool
    ) async throws(StoreError) -> ImportResult {
        try await database.importBatch(stretches, skipsConflicts: skipsConflicts)
    }

    package func stored(of stretches: [ArchivedStretch]) async throws(StoreError) -> ImportPlan.Knowledge {
        try await database.fetchKnowledge(of: stretches)
    }

    package func renewEpoch() async throws(StoreError) -> Epoch {
        try await database.renewEpoch()
    }
}
