import ChatDomain
import PostgresClient

/// The statements that read what a batch of writes needs, and write it.
extension PostgresStatement {
    /// Locks chats in the order of their ids.
    ///
    /// - Parameter skipsLocked: Whether to leave out chats that are locked elsewhere instead of waiting for them.
    static func lockHeads(of chats: Set<ChatID>, skippingLocked skipsLocked: Bool = false) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT \(HeadColumns.list), \(Epoch.column)
            FROM chats WHERE id = ANY ($1::bigint[]) AND deleted_at IS NULL
            ORDER BY id FOR NO KEY UPDATE\(skipsLocked ? " SKIP LOCKED" : "")
            """,
            [.int64Array(chats.map(\.rawValue))]
        )
    }

    /// The ids of those of the chats that exist.
    static func find(_ chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            "SELECT id FROM chats WHERE id = ANY ($1::bigint[]) AND deleted_at IS NULL",
            [.int64Array(chats.map(\.rawValue))]
        )
    }

    static func fetchSent(_ keys: Set<LogPlan.SentKey>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT messages.chat_id, idempotency_key, idempotency_fingerprint, \(MessageColumns.list)
            FROM unnest($1::bigint[], $2::text[]) AS sent (chat_id, idempotency_key)
            JOIN messages USING (chat_id, idempotency_key)
            """,
            [.int64Array(keys.map(\.chatID.rawValue)), .textArray(keys.map(\.key.value))]
        )
    }

    static func fetchMessages(_ references: Set<LogPlan.MessageReference>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT messages.chat_id, \(MessageColumns.list)
            FROM unnest($1::bigint[], $2::bigint[]) AS reference (chat_id, id)
            JOIN messages USING (chat_id, id)
            """,
            [.int64Array(references.map(\.chatID.rawValue)), .int64Array(references.map(\.id.rawValue))]
        )
    }

    /// Ids are drawn in the order of `number`.
    static func insert(_ appends: [LogPlan.Append]) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO messages
                (chat_id, seq, text, created_at, metadata, reply_to, idempotency_key, idempotency_fingerprint)
            SELECT chat_id, seq, text, created_at, metadata, reply_to, idempotency_key, idempotency_fingerprint
            FROM unnest(
                    $1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::bigint[], $7::text[],
                    $8::bigint[]
                )
                WITH ORDINALITY AS entry
                (chat_id, seq, text, created_at, metadata, reply_to, idempotency_key, idempotency_fingerprint, number)
            ORDER BY number
            RETURNING chat_id, seq, id
            """,
            [
                .int64Array(appends.map(\.chatID.rawValue)),
                .int64Array(appends.map(\.position.rawValue)),
                .textArray(appends.map(\.draft.text.value)),
                .timestampArray(appends.map(\.createdAt.microsecondsSinceEpoch)),
                .textArray(appends.map(\.draft.metadata?.json)),
                .int64Array(appends.map(\.draft.replyTo?.rawValue)),
                .textArray(appends.map(\.draft.idempotency?.key.value)),
                .int64Array(appends.map(\.draft.idempotency?.fingerprint)),
            ]
        )
    }

    static func update(_ messages: [LogPlan.MessageReference: Message]) -> PostgresStatement {
        let messages = Array(messages.values)
        return PostgresStatement(
            """
            UPDATE messages SET
                text = edit.text, metadata = edit.metadata, revision = edit.revision, edited_at = edit.edited_at,
                deleted_at = edit.deleted_at,
                idempotency_fingerprint =
                    CASE WHEN edit.deleted_at IS NOT NULL AND idempotency_key IS NOT NULL THEN 0
                    ELSE idempotency_fingerprint END
            FROM unnest(
                $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[]
            ) AS edit (chat_id, seq, text, metadata, revision, edited_at, deleted_at)
            WHERE messages.chat_id = edit.chat_id AND messages.seq = edit.seq
            """,
            [
                .int64Array(messages.map(\.chatID.rawValue)),
                .int64Array(messages.map(\.position.rawValue)),
                .textArray(messages.map(\.text)),
                .textArray(messages.map(\.metadata?.json)),
                .int64Array(messages.map(\.revision)),
                .timestampArray(messages.map(\.editedAt?.microsecondsSinceEpoch)),
                .timestampArray(messages.map(\.deletedAt?.microsecondsSinceEpoch)),
            ]
        )
    }

    /// Lets reads of the newest messages skip a deleted message together with the deleted ones around it.
    ///
    /// In a run of deleted messages, `run_seq` of the first is the position of the last, and `run_seq` of the last is the
    /// position of the first. Between them it does not matter: what it says of lower positions was true and stays true.
    static func joinDeletedRun(_ message: Message) -> PostgresStatement {
        PostgresStatement(
            """
            UPDATE messages SET run_seq = CASE WHEN seq = run.first_seq THEN run.last_seq ELSE run.first_seq END
            FROM (
                SELECT
                    coalesce(
                        (SELECT run_seq FROM messages WHERE chat_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT 1), $2
                    ) AS first_seq,
                    coalesce(
                        (SELECT run_seq FROM messages WHERE chat_id = $1 AND seq > $2 ORDER BY seq LIMIT 1), $2
                    ) AS last_seq
            ) AS run
            WHERE chat_id = $1 AND seq IN (run.first_seq, run.last_seq)
            """,
            [.int64(message.chatID.rawValue), .int64(message.position.rawValue)]
        )
    }

    static func insert(_ changes: [LogPlan.Change]) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO changes (chat_id, seq, kind, message_id, created_at)
            SELECT chat_id, seq, kind, message_id, created_at
            FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[])
                AS entry (chat_id, seq, kind, message_id, created_at)
            """,
            columns(of: changes)
        )
    }

    static func moveHeads(_ heads: [ChatID: LogHead]) -> PostgresStatement {
        let heads = Array(heads.values)
        return PostgresStatement(
            """
            UPDATE chats SET
                last_seq = head.last_seq, last_entry_at = head.last_entry_at, last_message_at = head.last_message_at,
                message_count = head.message_count
            FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::bigint[])
                AS head (id, last_seq, last_entry_at, last_message_at, message_count)
            WHERE chats.id = head.id
            """,
            [
                .int64Array(heads.map(\.chat.id.rawValue)),
                .int64Array(heads.map(\.chat.lastPosition.rawValue)),
                .timestampArray(heads.map(\.instant.microsecondsSinceEpoch)),
                .timestampArray(heads.map(\.chat.lastMessageAt?.microsecondsSinceEpoch)),
                .int64Array(heads.map(\.chat.messageCount)),
            ]
        )
    }

    static func update(_ chats: [Chat]) -> PostgresStatement {
        PostgresStatement(
            """
            UPDATE chats SET title = edit.title, metadata = edit.metadata
            FROM unnest($1::bigint[], $2::text[], $3::text[]) AS edit (id, title, metadata) WHERE chats.id = edit.id
            """,
            [
                .int64Array(chats.map(\.id.rawValue)), .textArray(chats.map(\.title)),
                .textArray(chats.map(\.metadata?.json)),
            ]
        )
    }

    /// Finds the messages that are stored as the batch was to insert them; another batch's message at the same position is
    /// not one of them.
    static func find(_ appends: [LogPlan.Append]) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT messages.chat_id, messages.seq, messages.id
            FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[])
                AS entry (chat_id, seq, created_at, text, idempotency_key)
            JOIN messages ON messages.chat_id = entry.chat_id AND messages.seq = entry.seq
                AND messages.created_at = entry.created_at
                AND messages.idempotency_key IS NOT DISTINCT FROM entry.idempotency_key
                AND (messages.text = entry.text OR messages.revision > 1 OR messages.deleted_at IS NOT NULL)
            """,
            [
                .int64Array(appends.map(\.chatID.rawValue)),
                .int64Array(appends.map(\.position.rawValue)),
                .timestampArray(appends.map(\.createdAt.microsecondsSinceEpoch)),
                .textArray(appends.map(\.draft.text.value)),
                .textArray(appends.map(\.draft.idempotency?.key.value)),
            ]
        )
    }

    /// Finds the changes that are stored as the batch was to insert them.
    static func find(_ changes: [LogPlan.Change]) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT changes.chat_id, changes.seq
            FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[])
                AS entry (chat_id, seq, kind, message_id, created_at)
            JOIN changes ON changes.chat_id = entry.chat_id AND changes.seq = entry.seq
                AND changes.kind = entry.kind AND changes.message_id IS NOT DISTINCT FROM entry.message_id
                AND changes.created_at = entry.created_at
            """,
            columns(of: changes)
        )
    }

    private static func columns(of changes: [LogPlan.Change]) -> [PostgresValue] {
        [
            .int64Array(changes.map(\.chatID.rawValue)),
            .int64Array(changes.map(\.position.rawValue)),
            .textArray(changes.map(\.kind.rawValue)),
            .int64Array(changes.map(\.messageID?.rawValue)),
            .timestampArray(changes.map(\.instant.microsecondsSinceEpoch)),
        ]
    }
}

extension PostgresResult {
    borrowing func sentMessages() throws(PostgresError) -> [LogPlan.SentKey: LogPlan.SentMessage] {
        let columns = try MessageColumns(self)
        let chat = try column("chat_id")
        let keyColumn = try column("idempotency_key")
        let fingerprint = try column("idempotency_fingerprint")
        var sent: [LogPlan.SentKey: LogPlan.SentMessage] = [:]
        for row in 0..<rowCount {
            let chatID = ChatID(rawValue: try int64(chat, row: row))
            sent[LogPlan.SentKey(chatID: chatID, key: try key(keyColumn, row: row))] = LogPlan.SentMessage(
                message: try columns.message(self, row: row, of: chatID),
                fingerprint: try int64(fingerprint, row: row)
            )
        }
        return sent
    }

    borrowing func messages() throws(PostgresError) -> [LogPlan.MessageReference: Message] {
        let columns = try MessageColumns(self)
        let chat = try column("chat_id")
        var messages: [LogPlan.MessageReference: Message] = [:]
        for row in 0..<rowCount {
            let chatID = ChatID(rawValue: try int64(chat, row: row))
            let message = try columns.message(self, row: row, of: chatID)
            messages[LogPlan.MessageReference(chatID: chatID, id: message.id)] = message
        }
        return messages
    }

    /// The messages' ids, in the order of `appends`: SQL promises no order of the rows.
    borrowing func ids(of appends: [LogPlan.Append]) throws(PostgresError) -> [MessageID] {
        let chat = try column("chat_id")
        let position = try column("seq")
        let id = try column("id")
        var ids: [LogPlace: MessageID] = [:]
        for row in 0..<rowCount {
            let place = LogPlace(chat: try int64(chat, row: row), position: try int64(position, row: row))
            ids[place] = MessageID(rawValue: try int64(id, row: row))
        }
        var ordered: [MessageID] = []
        for append in appends {
            let place = LogPlace(chat: append.chatID.rawValue, position: append.position.rawValue)
            guard let id = ids[place] else { throw .unexpectedResult("an appended message has no id") }
            ordered.append(id)
        }
        return ordered
    }
}

private struct LogPlace: Hashable {
    let chat: Int64
    let position: Int64
}
