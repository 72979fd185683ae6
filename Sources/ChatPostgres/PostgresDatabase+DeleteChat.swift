import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// How many entries are removed in one transaction.
    private static let purgeSize: Int64 = 10_000

    /// Removes a small chat, and hides a large one from every reader until it is purged.
    func deleteChat(_ id: ChatID) async throws(StoreError) {
        let wasThere = try await retryingConflicts { connection throws(PostgresError) in
            try connection.deleteChat(id, removingUpTo: Self.purgeSize, at: clock.now())
        }
        if !wasThere { throw .chatNotFound }
    }

    /// - Returns: Whether there is more to purge.
    func purgeDeletedChats() async throws(StoreError) -> Bool {
        try await retryingConflicts { connection throws(PostgresError) in try connection.purge(Self.purgeSize) }
    }
}

extension PostgresConnection {
    /// - Returns: Whether there was such a chat.
    fileprivate func deleteChat(
        _ id: ChatID,
        removingUpTo size: Int64,
        at now: Instant
    ) throws(PostgresError) -> Bool {
        let remove = PostgresStatement(
            "DELETE FROM chats WHERE id = $1 AND deleted_at IS NULL AND last_seq <= $2",
            [.int64(id.rawValue), .int64(size)]
        )
        var wasThere = false
        try transact([remove]) { _, result throws(PostgresError) in wasThere = result.affectedRowCount > 0 }
        if wasThere { return true }
        let hide = PostgresStatement(
            """
            WITH chat AS (
                UPDATE chats SET deleted_at = $2, title = '-', metadata = NULL
                WHERE id = $1 AND deleted_at IS NULL RETURNING id
            ), keys AS (
                DELETE FROM chat_idempotency_keys USING chat WHERE chat_id = chat.id
            )
            SELECT FROM chat
            """,
            [.int64(id.rawValue), .instant(now)]
        )
        try transact([hide]) { _, result throws(PostgresError) in wasThere = result.rowCount > 0 }
        return wasThere
    }

    /// Several servers may purge at once: each takes a chat that no other one is at.
    ///
    /// What goes is a range of positions: how many entries a chat has is not known when this is planned, and by a limit all
    /// of them would be read and sorted each time.
    fileprivate func purge(_ size: Int64) throws(PostgresError) -> Bool {
        let purge = PostgresStatement(
            """
            WITH chat AS (
                SELECT id FROM chats WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED
            ), purged_messages AS (
                DELETE FROM messages
                WHERE chat_id = (SELECT id FROM chat)
                    AND seq < $1 + (SELECT min(seq) FROM messages WHERE chat_id = (SELECT id FROM chat))
                RETURNING seq
            ), purged_changes AS (
                DELETE FROM changes
                WHERE chat_id = (SELECT id FROM chat)
                    AND seq < $1 + (SELECT min(seq) FROM changes WHERE chat_id = (SELECT id FROM chat))
                RETURNING seq
            ), purged_chat AS (
                DELETE FROM chats USING chat
                WHERE chats.id = chat.id
                    AND NOT EXISTS (SELECT FROM purged_messages) AND NOT EXISTS (SELECT FROM purged_changes)
            )
            SELECT FROM chat
            """,
            [.int64(size)]
        )
        var isAtWork = false
        try transact([purge]) { _, result throws(PostgresError) in isAtWork = result.rowCount > 0 }
        return isAtWork
    }
}
