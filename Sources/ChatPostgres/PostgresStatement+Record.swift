import ChatDomain
import PostgresClient

/// The statements that lock chats, read what a plan needs, and find out what became of it.
extension PostgresStatement {
    /// Locks chats in id order.
    ///
    /// - Parameter skipsLocked: Whether to leave out chats that other sessions have locked instead of waiting for them.
    static func lockHeads(of chats: Set<ChatID>, skippingLocked skipsLocked: Bool = false) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT \(HeadColumns.list), \(Epoch.column)
            FROM chats WHERE id = ANY ($1::bigint[]) AND deleted_at IS NULL
            ORDER BY id FOR NO KEY UPDATE\(skipsLocked ? " SKIP LOCKED" : "")
            """,
            [.int64Array(chats.map(\.rawValue))]
        ).divided()
    }

    /// Finds the ids of those chats that exist.
    static func find(_ chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            "SELECT id FROM chats WHERE id = ANY ($1::bigint[]) AND deleted_at IS NULL",
            [.int64Array(chats.map(\.rawValue))]
        ).divided()
    }

    static func fetchSent(_ keys: Set<BatchPlan.SentKey>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT messages.chat_id, messages.idempotency_fingerprint, \(MessageColumns.list)
            FROM unnest($1::bigint[], $2::text[], $3::text[]) AS sent (chat_id, author, idempotency_key)
            JOIN messages ON messages.chat_id = sent.chat_id AND messages.author = sent.author
                AND messages.idempotency_key = sent.idempotency_key
            """,
            [
                .int64Array(keys.map(\.chatID.rawValue)), .textArray(keys.map(\.author.stored)),
                .textArray(keys.map(\.key.value)),
            ]
        ).divided(by: "messages.chat_id")
    }

    /// Finds when users last posted, near the end of a log.
    static func fetchLastPosts(of users: Set<UserID>, in head: LogHead) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT chat_id, author, max(created_at) AS posted_at FROM messages
            WHERE chat_id = $1::bigint AND seq > $2::bigint AND author = ANY ($3::text[])
            GROUP BY chat_id, author
            """,
            [
                .int64(head.chat.id.rawValue), .int64(head.chat.lastPosition.rawValue - SlowMode.reach),
                .textArray(users.map(\.value)),
            ]
        )
    }

    static func fetchMessages(_ references: Set<BatchPlan.MessageReference>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT messages.chat_id, \(MessageColumns.list)
            FROM unnest($1::bigint[], $2::bigint[]) AS reference (chat_id, id)
            JOIN messages ON messages.chat_id = reference.chat_id AND messages.id = reference.id
            """,
            [.int64Array(references.map(\.chatID.rawValue)), .int64Array(references.map(\.id.rawValue))]
        ).divided(by: "messages.chat_id")
    }

    /// Finds the messages stored as the batch planned them, but not another batch's message at the same position.
    static func find(_ appends: [LogWrites.Append]) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT messages.chat_id, messages.seq, messages.id
            FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
                AS entry (chat_id, seq, author, created_at, text, idempotency_key)
            JOIN messages ON messages.chat_id = entry.chat_id AND messages.seq = entry.seq
                AND messages.author = entry.author AND messages.created_at = entry.created_at
                AND messages.idempotency_key IS NOT DISTINCT FROM entry.idempotency_key
                AND (
                    messages.text = entry.text OR messages.revision > 1 OR messages.deleted_at IS NOT NULL
                    OR messages.state IS NOT NULL
                )
            """,
            [
                .int64Array(appends.map(\.chatID.rawValue)),
                .int64Array(appends.map(\.position.rawValue)),
                .textArray(appends.map(\.author.stored)),
                .timestampArray(appends.map(\.createdAt.microsecondsSinceEpoch)),
                .textArray(appends.map(\.draft.text)),
                .textArray(appends.map(\.draft.idempotency?.key.value)),
            ]
        ).divided(by: "messages.chat_id")
    }

    /// Finds the changes stored as the batch planned them.
    static func find(_ changes: [LogRecord]) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT changes.chat_id, changes.seq
            FROM unnest(
                $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::timestamptz[]
            ) AS entry (chat_id, seq, kind, author, message_id, payload, created_at)
            JOIN changes ON changes.chat_id = entry.chat_id AND changes.seq = entry.seq
                AND changes.kind = entry.kind AND changes.author = entry.author
                AND changes.message_id IS NOT DISTINCT FROM entry.message_id
                AND changes.payload IS NOT DISTINCT FROM entry.payload AND changes.created_at = entry.created_at
            """,
            columns(of: changes)
        ).divided(by: "changes.chat_id")
    }

    static func columns(of changes: [LogRecord]) -> [PostgresValue] {
        [
            .int64Array(changes.map(\.chatID.rawValue)),
            .int64Array(changes.map(\.position.rawValue)),
            .textArray(changes.map(\.kind.rawValue)),
            .textArray(changes.map(\.author.stored)),
            .int64Array(changes.map(\.messageID?.rawValue)),
            .textArray(changes.map(\.payload?.json)),
            .timestampArray(changes.map(\.instant.microsecondsSinceEpoch)),
        ]
    }
}

extension PostgresResult {
    borrowing func sentMessages() throws(PostgresError) -> [BatchPlan.SentKey: BatchPlan.SentMessage] {
        let columns = try MessageColumns(self)
        let chat = try column("chat_id")
        let fingerprint = try column("idempotency_fingerprint")
        var sent: [BatchPlan.SentKey: BatchPlan.SentMessage] = [:]
        for row in 0..<rowCount {
            let chatID = ChatID(rawValue: try int64(chat, row: row))
            let message = try columns.message(self, row: row, of: chatID)
            guard let key = message.sentKey else { continue }
            sent[key] = BatchPlan.SentMessage(message: message, fingerprint: try int64(fingerprint, row: row))
        }
        return sent
    }

    borrowing func lastPosts() throws(PostgresError) -> [MemberReference: Instant] {
        let (chat, author, postedAt) = (try column("chat_id"), try column("author"), try column("posted_at"))
        var posts: [MemberReference: Instant] = [:]
        for row in 0..<rowCount {
            guard let user = UserID(stored: try text(author, row: row)) else { continue }
            let reference = MemberReference(chatID: ChatID(rawValue: try int64(chat, row: row)), userID: user)
            posts[reference] = try instant(postedAt, row: row)
        }
        return posts
    }

    borrowing func messages() throws(PostgresError) -> [BatchPlan.MessageReference: Message] {
        let columns = try MessageColumns(self)
        let chat = try column("chat_id")
        var messages: [BatchPlan.MessageReference: Message] = [:]
        for row in 0..<rowCount {
            let chatID = ChatID(rawValue: try int64(chat, row: row))
            let message = try columns.message(self, row: row, of: chatID)
            messages[BatchPlan.MessageReference(chatID: chatID, id: message.id)] = message
        }
        return messages
    }

    /// The ids of messages, by their places.
    borrowing func messageIDs() throws(PostgresError) -> [LogPlace: MessageID] {
        let chat = try column("chat_id")
        let position = try column("seq")
        let id = try column("id")
        var ids: [LogPlace: MessageID] = [:]
        for row in 0..<rowCount {
            let place = LogPlace(chat: try int64(chat, row: row), position: try int64(position, row: row))
            ids[place] = MessageID(rawValue: try int64(id, row: row))
        }
        return ids
    }
}

extension [LogPlace: MessageID] {
    /// The ids in the order of `appends`: SQL does not guarantee the order of rows.
    func ordered(as appends: [LogWrites.Append]) throws(PostgresError) -> [MessageID] {
        var ordered: [MessageID] = []
        for append in appends {
            let place = LogPlace(chat: append.chatID.rawValue, position: append.position.rawValue)
            guard let id = self[place] else { throw .unexpectedResult("an appended message has no id") }
            ordered.append(id)
        }
        return ordered
    }
}

/// Where an entry is, as results name it.
struct LogPlace: Hashable {
    let chat: Int64
    let position: Int64
}
