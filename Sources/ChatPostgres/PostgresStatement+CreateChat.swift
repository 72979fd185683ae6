import ChatDomain
import PostgresClient

/// The statements that create chats.
extension PostgresStatement {
    /// Reads the chats created under these keys.
    static func fetchCreated(_ keys: Set<BatchPlan.CreationKey>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT \(HeadColumns.list), author, idempotency_key, idempotency_fingerprint
            FROM unnest($1::text[], $2::text[]) AS sent (author, idempotency_key)
            JOIN chat_idempotency_keys USING (author, idempotency_key)
            JOIN chats ON chats.id = chat_idempotency_keys.chat_id
            """,
            [.textArray(keys.map(\.author.stored)), .textArray(keys.map(\.key.value))]
        )
    }

    /// Inserts chats and their keys, and returns their ids, which are drawn in the order of `number`.
    static func insert(_ creations: [LogWrites.Creation]) -> PostgresStatement {
        PostgresStatement(
            """
            WITH chat AS (
                INSERT INTO chats (title, metadata, created_at, last_entry_at)
                SELECT title, metadata, created_at, created_at
                FROM unnest($1::text[], $2::text[], $3::timestamptz[])
                    WITH ORDINALITY AS draft (title, metadata, created_at, number)
                ORDER BY number
                RETURNING id
            ), numbered AS (
                SELECT id, row_number() OVER (ORDER BY id) AS number FROM chat
            ), keys AS (
                INSERT INTO chat_idempotency_keys (author, idempotency_key, idempotency_fingerprint, chat_id)
                SELECT author, idempotency_key, idempotency_fingerprint, id
                FROM unnest($4::text[], $5::text[], $6::bigint[])
                    WITH ORDINALITY AS draft (author, idempotency_key, idempotency_fingerprint, number)
                JOIN numbered USING (number)
                WHERE idempotency_key IS NOT NULL
            )
            SELECT id FROM numbered
            """,
            [
                .textArray(creations.map(\.draft.title.value)),
                .textArray(creations.map(\.draft.metadata?.json)),
                .timestampArray(creations.map(\.createdAt.microsecondsSinceEpoch)),
                .textArray(creations.map(\.author.stored)),
                .textArray(creations.map(\.draft.idempotency?.key.value)),
                .int64Array(creations.map(\.draft.idempotency?.fingerprint)),
            ]
        )
    }
}

extension PostgresResult {
    borrowing func createdChats() throws(PostgresError) -> [BatchPlan.CreationKey: BatchPlan.CreatedChat] {
        let columns = try HeadColumns(self)
        let author = try column("author")
        let keyColumn = try column("idempotency_key")
        let fingerprint = try column("idempotency_fingerprint")
        var chats: [BatchPlan.CreationKey: BatchPlan.CreatedChat] = [:]
        for row in 0..<rowCount {
            let key = BatchPlan.CreationKey(
                author: UserID(stored: try text(author, row: row)),
                key: try key(keyColumn, row: row)
            )
            chats[key] = BatchPlan.CreatedChat(
                chat: try columns.head(self, row: row).chat,
                fingerprint: try int64(fingerprint, row: row)
            )
        }
        return chats
    }
}
