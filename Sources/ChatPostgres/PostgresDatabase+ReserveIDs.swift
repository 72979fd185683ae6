import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// Moves the sequences beyond the ids of a batch, before it is written.
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

/// The lock of a sequence keeps others from drawing ids: it is asked for often, and never waited for long.
private enum SequenceLock {
    static let timeout = "100ms"
    static let pause = Duration.milliseconds(50)
    /// Half a minute, so that a session that holds on to an id delays an import, but not forever.
    static let maximumAttempts = 200
}

/// The ids that a batch brings.
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
    /// Makes sure that nobody will draw the ids of a batch or has drawn them without having committed.
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
        // A chat that is not there may be about to be created under an id that was drawn already. An entry cannot: whoever
        // draws its id has locked the chat.
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

    /// Moves a sequence, which never goes back.
    ///
    /// `ALTER SEQUENCE` waits for the transactions that have drawn an id and keeps others from drawing one until the commit.
    /// It locks no table, and so neither a vacuum nor a reader is in its way.
    ///
    /// - Parameter sequence: Its name, quoted for SQL.
    private func advance(_ sequence: String, to id: Int64) throws(PostgresError) {
        try transact([
            PostgresStatement("SET LOCAL lock_timeout = '\(SequenceLock.timeout)'"),
            PostgresStatement("ALTER SEQUENCE \(sequence) NO CYCLE"),
            PostgresStatement(
                """
                SELECT setval($1::text::regclass, $2)
                WHERE coalesce(pg_sequence_last_value($1::text::regclass), 0) < $2
                """,
                [.text(sequence), .int64(id)]
            ),
        ])
    }
}
