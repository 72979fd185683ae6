package import ChatDomain

extension SQLiteStore: ChatArchive {
    package func archivedChats(after id: ChatID, limit: Int) async throws(StoreError) -> [ArchivedChat] {
        try await database.read { try $0.fetchArchivedChats(after: id, limit: limit) }
    }

    package func archivedEntries(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) async throws(StoreError) -> [ArchivedEntry] {
        try await read(in: chat) { database, chat in
            try database.fetchArchivedEntries(of: chat.id, after: position, limit: limit)
        }
    }

    package func importBatch(
        _ stretches: [ArchivedStretch],
        skipsConflicts: Bool
    ) async throws(StoreError) -> ImportResult {
        try await database.write { [clock = database.clock] in
            try $0.importBatch(stretches, skipsConflicts: skipsConflicts, at: clock.now())
        }
    }

    package func stored(of stretches: [ArchivedStretch]) async throws(StoreError) -> ImportPlan.PriorState {
        try await database.read { try $0.fetchPriorState(of: stretches) }
    }

    package func renewEpoch() async throws(StoreError) -> Epoch {
        try await database.write { try $0.renewEpoch() }
    }
}
