import ChatDomain
import PostgresClient

/// The statements that create chats.
extension PostgresStatement {
    /// The chats under keys.
    static func fetchCreated(_ keys: Set<IdempotencyKey>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT \(Chat.columns), sent.idempotency_key, sent.idempotency_fingerprint
            FROM chat_idempotency_keys AS sent JOIN chats ON chats.id = sent.chat_id
            WHERE sent.idempotency_key = ANY ($1::text[])
            """,
            [.textArray(keys.map(\.value))]
        )
    }

    /// Inserts chats and their keys, and returns the ids, which are drawn in the order of `number`.
    static func insert(_ creations: [LogPlan.Creation]) -> PostgresStatement {
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
    borrowing func createdChats() throws(PostgresError) -> [IdempotencyKey: LogPlan.CreatedChat] {
        var chats: [IdempotencyKey: LogPlan.CreatedChat] = [:]
        for row in 0..<rowCount {
            guard let key = IdempotencyKey(try text(Chat.columnCount, row: row)) else {
                throw .unexpectedResult("a stored idempotency key is none")
            }
            chats[key] = LogPlan.CreatedChat(
                chat: try chat(row: row),
                fingerprint: try int64(Chat.columnCount + 1, row: row)
            )
        }
        return chats
    }

    /// Ids of chats, in their order.
    borrowing func chatIDs() throws(PostgresError) -> [ChatID] {
        var ids: [Int64] = []
        for row in 0..<rowCount {
            ids.append(try int64(0, row: row))
        }
        return ids.sorted().map(ChatID.init(rawValue:))
    }
}
