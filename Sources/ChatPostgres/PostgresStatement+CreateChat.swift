import ChatDomain
import PostgresClient

/// The statements that create chats.
extension PostgresStatement {
    /// Reads the chats created under these keys.
    static func fetchCreated(_ keys: Set<IdempotencyKey>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT \(HeadColumns.list), sent.idempotency_key, sent.idempotency_fingerprint
            FROM chat_idempotency_keys AS sent JOIN chats ON chats.id = sent.chat_id
            WHERE sent.idempotency_key = ANY ($1::text[])
            """,
            [.textArray(keys.map(\.value))]
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
                INSERT INTO chat_idempotency_keys (idempotency_key, idempotency_fingerprint, chat_id)
                SELECT idempotency_key, idempotency_fingerprint, id
                FROM unnest($4::text[], $5::bigint[])
                    WITH ORDINALITY AS draft (idempotency_key, idempotency_fingerprint, number)
                JOIN numbered USING (number)
                WHERE idempotency_key IS NOT NULL
            )
            SELECT id FROM numbered
            """,
            [
                .textArray(creations.map(\.draft.title.value)),
                .textArray(creations.map(\.draft.metadata?.json)),
                .timestampArray(creations.map(\.createdAt.microsecondsSinceEpoch)),
                .textArray(creations.map(\.draft.idempotency?.key.value)),
                .int64Array(creations.map(\.draft.idempotency?.fingerprint)),
            ]
        )
    }
}

extension PostgresResult {
    borrowing func createdChats() throws(PostgresError) -> [IdempotencyKey: BatchPlan.CreatedChat] {
        let columns = try HeadColumns(self)
        let keyColumn = try column("idempotency_key")
        let fingerprint = try column("idempotency_fingerprint")
        var chats: [IdempotencyKey: BatchPlan.CreatedChat] = [:]
        for row in 0..<rowCount {
            chats[try key(keyColumn, row: row)] = BatchPlan.CreatedChat(
                chat: try columns.head(self, row: row).chat,
                fingerprint: try int64(fingerprint, row: row)
            )
        }
        return chats
    }
}
