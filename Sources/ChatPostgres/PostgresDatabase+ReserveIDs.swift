import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// Advances the id sequences past a batch's ids, before the batch is written.
    func reserveIDs(of stretches: [ArchivedStretch]) async throws(StoreError) {
        let ids = ImportedIDs(stretches)
        var attempt = 1
        while true {
            do throws(PostgresError) {
                return try await pool.withConnection { connection throws(PostgresError) in
                    try connection.reserve(ids)
                }
            } catch .server(.lockNotAvailable, _) where attempt < SequenceLock.maximumAttempts {
                attempt += 1
                try? await Task.sleep(for: SequenceLock.pause)
            } catch {
                throw StoreError(error)
            }
        }
    }
}

/// How to wait for a sequence's lock, which blocks others from drawing ids: often, but never for long.
private enum SequenceLock {
    static let timeout = "100ms"
    static let pause = Duration.milliseconds(50)
    /// Half a minute in total, so that a session that holds on to an id delays an import, but not forever.
    static let maximumAttempts = 200
}

/// The ids that a batch contains.
private struct ImportedIDs {
    let chats: [Int64]
    let largestMessage: Int64

    init(_ stretches: [ArchivedStretch]) {
        chats = stretches.map(\.chat.id.rawValue)
        largestMessage =
            stretches.lazy.flatMap(\.entries).map { entry in
                if case .message(let message, _) = entry { message.id.rawValue } else { 0 }
            }.max() ?? 0
    }
}

extension PostgresConnection {
    /// Ensures that no session will draw a batch's ids, or has drawn them without committing.
    fileprivate func reserve(_ ids: ImportedIDs) throws(PostgresError) {
        let chats = try query(
            """
            SELECT
                sequence, coalesce(pg_sequence_last_value(sequence::regclass), 0) AS last_id,
                (SELECT count(*) FROM chats WHERE id = ANY ($1::bigint[])) AS stored_count
            FROM pg_get_serial_sequence('chats', 'id') AS sequence
            """,
            [.int64Array(ids.chats)]
        )
        let largestChat = ids.chats.max() ?? 0
        // A missing chat may be about to be created under an id that was already drawn. A missing entry cannot: drawing
        // its id requires the chat's lock.
        let allAreThere = try chats.int64(chats.column("stored_count"), row: 0) == Int64(ids.chats.count)
        let lastChat = try chats.int64(chats.column("last_id"), row: 0)
        if !allAreThere || largestChat > lastChat {
            try advance(try chats.text(chats.column("sequence"), row: 0), to: largestChat)
        }
        let messages = try query(
            """
            SELECT sequence, coalesce(pg_sequence_last_value(sequence::regclass), 0) AS last_id
            FROM pg_get_serial_sequence('messages', 'id') AS sequence
            """
        )
        if ids.largestMessage > (try messages.int64(messages.column("last_id"), row: 0)) {
            try advance(try messages.text(messages.column("sequence"), row: 0), to: ids.largestMessage)
        }
    }

    /// Advances a sequence; it never goes back.
    ///
    /// `ALTER SEQUENCE` waits for transactions that have drawn an id, and keeps others from drawing one until the
    /// commit. It locks no table, so it waits for neither vacuums nor readers.
    ///
    /// - Parameter sequence: The name, quoted for SQL.
    private func advance(_ sequence: String, to id: Int64) throws(PostgresError) {
        // Citus cannot alter a distributed table's sequence on all nodes. Change it only here: ids are drawn on the
        // coordinator.
        let isLocal = isDistributed ? [PostgresStatement("SET LOCAL citus.enable_ddl_propagation = off")] : []
        try transact(
            isLocal + [
                PostgresStatement("SET LOCAL lock_timeout = '\(SequenceLock.timeout)'"),
                PostgresStatement("ALTER SEQUENCE \(sequence) NO CYCLE"),
                PostgresStatement(
                    """
                    SELECT setval($1::text::regclass, $2)
                    WHERE coalesce(pg_sequence_last_value($1::text::regclass), 0) < $2
                    """,
                    [.text(sequence), .int64(id)]
                ),
            ]
        )
    }
}
