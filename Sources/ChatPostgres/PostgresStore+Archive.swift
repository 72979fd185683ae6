package import ChatDomain
import PostgresClient

extension PostgresStore: ChatArchive {
    package func archivedUsers(after id: UserID?, limit: Int) async throws(StoreError) -> [User] {
        try await database.read { connection throws(PostgresError) in
            try connection.fetchArchivedUsers(after: id, limit: limit)
        }
    }

    package func importUsers(_ users: [User]) async throws(StoreError) -> Int64 {
        try await database.write { connection throws(PostgresError) in try connection.importUsers(users) }
    }

    /// Reads one page in a snapshot of its own, so a long export sees chats created meanwhile.
    package func archivedChats(after id: ChatID, limit: Int) async throws(StoreError) -> [ArchivedChat] {
        try await database.read { connection throws(PostgresError) in
            try connection.fetchArchivedChats(after: id, limit: limit)
        }
    }

    /// Reads messages and changes in one snapshot and one round trip.
    package func archivedEntries(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) async throws(StoreError) -> [ArchivedEntry] {
        try await readInChat { connection throws(PostgresError) in
            try connection.fetchArchivedEntries(of: chat, after: position, limit: limit)
        }
    }

    package func archivedReadMarkers(
        of chat: ChatID,
        after user: UserID?,
        limit: Int
    ) async throws(StoreError) -> [ReadMarker] {
        try await database.read { connection throws(PostgresError) in
            try connection.fetchReadMarkers(of: chat, after: user, limit: limit)
        }
    }

    /// Advances the id sequences past the batch's ids, then plans and writes in one transaction.
    package func importBatch(
        _ stretches: [ArchivedStretch],
        skipsConflicts: Bool
    ) async throws(StoreError) -> ImportResult {
        try await database.reserveIDs(of: stretches)
        return try await database.write { [clock = database.clock] connection throws(PostgresError) in
            do throws(PostgresError) {
                return try connection.importBatch(stretches, skipsConflicts: skipsConflicts, at: clock.now())
            } catch .server(.uniqueViolation, let message) {
                // Another import committed first; the retry sees its rows.
                throw .server(.serializationFailure, message: message)
            }
        }
    }

    /// Reads the heads and then the entries, in two snapshots without locks.
    package func stored(of stretches: [ArchivedStretch]) async throws(StoreError) -> ImportPlan.PriorState {
        try await database.read { connection throws(PostgresError) in try connection.fetchPriorState(of: stretches) }
    }

    /// All processes on the database see the new epoch in their next statement.
    package func renewEpoch() async throws(StoreError) -> Epoch {
        try await database.renewEpoch()
    }
}
