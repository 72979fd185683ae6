import ChatDomain
import PostgresClient

/// The statements that create chats.
extension PostgresStatement {
    /// Reads the chats created under these keys.
    static func fetchCreated(_ keys: Set<BatchPlan.CreationKey>) -> PostgresStatement {
        PostgresStatement(
            """
            WITH stored AS MATERIALIZED (
                SELECT author, idempotency_key, idempotency_fingerprint, chat_id
                FROM unnest($1::text[], $2::text[]) AS sent (author, idempotency_key)
                JOIN chat_idempotency_keys USING (author, idempotency_key)
            )
            SELECT \(HeadColumns.list), author, idempotency_key, idempotency_fingerprint
            FROM stored JOIN chats ON chats.id = stored.chat_id
            """,
            [.textArray(keys.map(\.author.stored)), .textArray(keys.map(\.key.value))]
        )
    }

    /// Inserts chats, their keys and their first entries, and returns their ids, which are drawn in the order of
    /// `number`.
    static func insert(_ creations: [LogWrites.Creation]) -> PostgresStatement {
        let numbered = creations.enumerated().map { (number: ChatID(rawValue: Int64($0 + 1)), creation: $1) }
        // The numbers stand for the ids that this statement assigns.
        let records = numbered.flatMap { $0.creation.records(of: $0.number) }
        let members = numbered.flatMap { $0.creation.members(of: $0.number) }
        return PostgresStatement(
            """
            WITH chat AS (
                INSERT INTO chats (title, metadata, created_at, last_entry_at, visibility, last_seq, receipts)
                SELECT title, metadata, created_at, created_at, visibility, last_seq, receipts
                FROM unnest($1::text[], $2::text[], $3::timestamptz[], $7::text[], $8::bigint[], $9::boolean[])
                    WITH ORDINALITY AS draft (title, metadata, created_at, visibility, last_seq, receipts, number)
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
            )\(records.isEmpty ? "" : firstEntries)
            SELECT id FROM numbered
            """,
            [
                .textArray(creations.map(\.draft.title.value)),
                .textArray(creations.map(\.draft.metadata?.json)),
                .timestampArray(creations.map(\.createdAt.microsecondsSinceEpoch)),
                .textArray(creations.map(\.keyAuthor.stored)),
                .textArray(creations.map(\.draft.idempotency?.key.value)),
                .int64Array(creations.map(\.draft.idempotency?.fingerprint)),
                .textArray(creations.map(\.draft.visibility.rawValue)),
                .int64Array(creations.map(\.lastPosition.rawValue)),
                .boolArray(creations.map(\.draft.receipts)),
            ] + (records.isEmpty ? [] : columns(of: records) + columns(of: members))
        )
    }

    /// Inserts the entries with which logs begin, and the members whom these name.
    private static let firstEntries = """
        , entries AS (
            INSERT INTO changes (chat_id, seq, kind, author, message_id, payload, created_at)
            SELECT id, seq, kind, author, message_id, payload, created_at
            FROM unnest(
                $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::bigint[], $15::text[], $16::timestamptz[]
            ) AS entry (number, seq, kind, author, message_id, payload, created_at)
            JOIN numbered USING (number)
        ), first_members AS (
            INSERT INTO members (chat_id, user_id, role, joined_seq, left_seq, read_seq)
            SELECT id, user_id, role, joined_seq, left_seq, read_seq
            FROM unnest($17::bigint[], $18::text[], $19::text[], $20::bigint[], $21::bigint[], $22::bigint[])
                AS member (number, user_id, role, joined_seq, left_seq, read_seq)
            JOIN numbered USING (number)
        )
        """
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
