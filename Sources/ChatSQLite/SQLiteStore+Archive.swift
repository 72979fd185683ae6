package import ChatDomain

extension SQLiteStore: ChatArchive {
    package func archivedUsers(after id: UserID?, limit: Int) async throws(StoreError) -> [User] {
        try await database.read { try $0.fetchArchivedUsers(after: id, limit: limit) }
    }

    package func importUsers(_ users: [User]) async throws(StoreError) -> Int64 {
        try await database.write { database in
            var count: Int64 = 0
            for user in users where try database.insert(user) {
                count += 1
            }
            return count
        }
    }

    /// Reads one page in a snapshot of its own, so a long export sees chats created meanwhile.
    package func archivedChats(after id: ChatID, limit: Int) async throws(StoreError) -> [ArchivedChat] {
        try await database.read { try $0.fetchArchivedChats(after: id, limit: limit) }
    }

    /// Reads messages and changes in the same snapshot.
    package func archivedEntries(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) async throws(StoreError) -> [ArchivedEntry] {
        try await read(in: chat, by: .anonymous) { database, chat in
            try database.fetchArchivedEntries(of: chat.id, after: position, limit: limit)
        }
    }

    package func archivedReadMarkers(
        of chat: ChatID,
        after user: UserID?,
        limit: Int
    ) async throws(StoreError) -> [ReadMarker] {
        try await database.read { database in
            let members = try database.fetchMembers(of: chat, after: user, limit: limit, includesFormer: true)
            return members.map(ReadMarker.init(of:))
        }
    }

    /// Plans and writes in one transaction, during which no other write can run.
    package func importBatch(
        _ stretches: [ArchivedStretch],
        skipsConflicts: Bool
    ) async throws(StoreError) -> ImportResult {
        try await database.write { [clock = database.clock] in
            try $0.importBatch(stretches, skipsConflicts: skipsConflicts, at: clock.now())
        }
    }

    /// Reads the batch's state in one snapshot.
    package func stored(of stretches: [ArchivedStretch]) async throws(StoreError) -> ImportPlan.PriorState {
        try await database.read { try $0.fetchPriorState(of: stretches) }
    }

    /// Processes that have the same file open see the new epoch in their next transaction.
    package func renewEpoch() async throws(StoreError) -> Epoch {
        try await database.write { try $0.renewEpoch() }
    }
}
