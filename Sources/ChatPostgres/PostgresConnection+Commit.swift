import ChatDomain
import PostgresClient

extension PostgresConnection {
    /// Carries out a plan's writes and commits the open transaction, in one round trip; a purge takes another one.
    func commit(_ writes: LogWrites, at now: Instant) throws(PostgresError) -> LogWrites.Written {
        var statements: [PostgresStatement] = []
        if !writes.importedChats.isEmpty {
            statements.append(.insert(writes.importedChats))
            statements.append(.insertKeys(of: writes.importedChats))
        }
        if !writes.importedMessages.isEmpty { statements.append(.insert(writes.importedMessages)) }
        let appendIndex = writes.appends.isEmpty ? nil : statements.count
        if !writes.appends.isEmpty { statements.append(.insert(writes.appends)) }
        if !writes.changes.isEmpty { statements.append(.insert(writes.changes)) }
        if !writes.members.isEmpty { statements.append(.insert(Array(writes.members.values))) }
        let departures = writes.members.values.filter { $0.leftAt != nil }.map(\.reference)
        if !departures.isEmpty { statements.append(.noteDepartures(of: departures)) }
        if !writes.editedMessages.isEmpty { statements.append(.update(writes.editedMessages)) }
        statements += writes.deletedMessages.map { .joinDeletedRun($0) }
        if !writes.movedHeads.isEmpty { statements.append(.moveHeads(writes.movedHeads)) }
        if !writes.editedChats.isEmpty { statements.append(.update(writes.editedChatValues)) }
        if !writes.deletedChats.isEmpty { statements.append(.deleteKeys(of: writes.deletedChats)) }
        if !writes.removedChats.isEmpty { statements.append(.remove(writes.removedChats)) }
        if !writes.hiddenChats.isEmpty { statements.append(.hide(writes.hiddenChats, at: now)) }
        if !writes.deletedChats.isEmpty { statements.append(.announceDeletion(of: writes.deletedChats, at: now)) }
        let creationIndex = writes.creations.isEmpty ? nil : statements.count
        if !writes.creations.isEmpty { statements.append(.insert(writes.creations)) }
        var written = LogWrites.Written()
        if writes.purges, let chat = try lockDeletedChat() {
            statements.append(.purge(chat))
            written.hasMoreToPurge = true
        }
        try commit(statements) { index, result throws(PostgresError) in
            switch index {
            case appendIndex: written.messageIDs = try result.messageIDs().ordered(as: writes.appends)
            case creationIndex: written.chatIDs = try result.chatIDs()
            default: break
            }
        }
        guard written.chatIDs?.count == writes.creations.count else {
            throw .unexpectedResult("a created chat has no id")
        }
        return written
    }

    /// Locks a deleted chat that no other server is purging; nil if there is none.
    private func lockDeletedChat() throws(PostgresError) -> ChatID? {
        func chats(_ statement: PostgresStatement) throws(PostgresError) -> [ChatID] {
            var chats: [ChatID] = []
            try continueTransaction([statement]) { _, result throws(PostgresError) in chats = try result.chatIDs() }
            return chats
        }
        do throws(PostgresError) {
            guard isDistributed else { return try chats(.lockDeletedChat).first }
            // Citus locks rows only of a chat that is named; another server may be purging the oldest.
            guard let chat = try chats(.findDeletedChats).randomElement() else { return nil }
            return try chats(.lockDeleted(chat)).first
        } catch .connectionLost(let reason) {
            throw .transactionLost(reason: reason)
        }
    }
}

extension PostgresStatement {
    fileprivate static func insert(_ archived: [ArchivedChat]) -> PostgresStatement {
        let chats = archived.map(\.head.chat)
        return PostgresStatement(
            """
            INSERT INTO chats (id, title, metadata, created_at, last_entry_at, visibility, receipts, slow_mode)
            SELECT id, title, metadata, created_at, created_at, visibility, receipts, slow_mode
            FROM unnest(
                $1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::boolean[], $7::bigint[]
            ) AS chat (id, title, metadata, created_at, visibility, receipts, slow_mode)
            """,
            [
                .int64Array(chats.map(\.id.rawValue)),
                .textArray(chats.map(\.title)),
                .textArray(chats.map(\.metadata?.json)),
                .timestampArray(chats.map(\.createdAt.microsecondsSinceEpoch)),
                .textArray(chats.map(\.visibility.rawValue)),
                .boolArray(chats.map(\.receipts)),
                .int64Array(chats.map(\.slowMode.seconds)),
            ]
        )
    }

    /// If another chat here already has a key, that chat keeps it.
    fileprivate static func insertKeys(of chats: [ArchivedChat]) -> PostgresStatement {
        let chats = chats.filter { $0.idempotency != nil }
        return PostgresStatement(
            """
            INSERT INTO chat_idempotency_keys (author, idempotency_key, idempotency_fingerprint, chat_id)
            SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
            ON CONFLICT (author, idempotency_key) DO NOTHING
            """,
            [
                .textArray(chats.map(\.keyAuthor.stored)),
                .textArray(chats.map(\.idempotency?.key.value)),
                .int64Array(chats.map(\.idempotency?.fingerprint)),
                .int64Array(chats.map(\.id.rawValue)),
            ]
        )
    }

    fileprivate static func insert(
        _ messages: [(message: Message, fingerprint: Int64?)]
    ) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO messages
                (chat_id, seq, id, author, text, created_at, metadata, reply_to, revision, edited_at, deleted_at,
                idempotency_key, idempotency_fingerprint, state, reason)
            SELECT * FROM unnest(
                $1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[], $7::text[],
                $8::bigint[], $9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::bigint[],
                $14::text[], $15::text[]
            )
            """,
            [
                .int64Array(messages.map(\.message.chatID.rawValue)),
                .int64Array(messages.map(\.message.position.rawValue)),
                .int64Array(messages.map(\.message.id.rawValue)),
                .textArray(messages.map(\.message.author.stored)),
                .textArray(messages.map(\.message.text)),
                .timestampArray(messages.map(\.message.createdAt.microsecondsSinceEpoch)),
                .textArray(messages.map(\.message.metadata?.json)),
                .int64Array(messages.map(\.message.replyTo?.rawValue)),
                .int64Array(messages.map(\.message.revision)),
                .timestampArray(messages.map(\.message.editedAt?.microsecondsSinceEpoch)),
                .timestampArray(messages.map(\.message.deletedAt?.microsecondsSinceEpoch)),
                .textArray(messages.map(\.message.idempotencyKey?.value)),
                .int64Array(messages.map(\.fingerprint)),
                .textArray(messages.map(\.message.stream?.storedState)),
                .textArray(messages.map(\.message.stream?.end?.reason?.value)),
            ]
        )
    }

    /// Inserts messages, whose ids are drawn in the order of `number`.
    fileprivate static func insert(_ appends: [LogWrites.Append]) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO messages
                (chat_id, seq, author, text, created_at, metadata, reply_to, idempotency_key, idempotency_fingerprint,
                state, ttl, expires_at, writer_epoch)
            SELECT
                chat_id, seq, author, text, created_at, metadata, reply_to, idempotency_key, idempotency_fingerprint,
                state, ttl, expires_at, writer_epoch
            FROM unnest(
                    $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::bigint[],
                    $8::text[], $9::bigint[], $10::text[], $11::bigint[], $12::timestamptz[], $13::bigint[]
                )
                WITH ORDINALITY AS entry (
                    chat_id, seq, author, text, created_at, metadata, reply_to, idempotency_key,
                    idempotency_fingerprint, state, ttl, expires_at, writer_epoch, number
                )
            ORDER BY number
            RETURNING chat_id, seq, id
            """,
            [
                .int64Array(appends.map(\.chatID.rawValue)),
                .int64Array(appends.map(\.position.rawValue)),
                .textArray(appends.map(\.author.stored)),
                .textArray(appends.map(\.draft.text)),
                .timestampArray(appends.map(\.createdAt.microsecondsSinceEpoch)),
                .textArray(appends.map(\.draft.metadata?.json)),
                .int64Array(appends.map(\.draft.replyTo?.rawValue)),
                .textArray(appends.map(\.draft.idempotency?.key.value)),
                .int64Array(appends.map(\.draft.idempotency?.fingerprint)),
                .textArray(appends.map(\.stream?.storedState)),
                .int64Array(appends.map(\.stream?.writer?.ttl.seconds)),
                .timestampArray(appends.map(\.stream?.writer?.expiresAt.microsecondsSinceEpoch)),
                .int64Array(appends.map(\.stream?.writer?.epoch)),
            ]
        )
    }

    fileprivate static func update(_ messages: [BatchPlan.MessageReference: Message]) -> PostgresStatement {
        let messages = Array(messages.values)
        return PostgresStatement(
            """
            UPDATE messages SET
                text = edit.text, metadata = edit.metadata, revision = edit.revision, edited_at = edit.edited_at,
                deleted_at = edit.deleted_at, state = edit.state, reason = edit.reason, ttl = edit.ttl,
                expires_at = edit.expires_at, writer_epoch = edit.writer_epoch, cancelled_at = edit.cancelled_at,
                idempotency_fingerprint =
                    CASE WHEN edit.deleted_at IS NOT NULL AND idempotency_key IS NOT NULL THEN 0
                    ELSE idempotency_fingerprint END
            FROM unnest(
                $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[],
                $8::text[], $9::text[], $10::bigint[], $11::timestamptz[], $12::bigint[], $13::timestamptz[]
            ) AS edit (
                chat_id, seq, text, metadata, revision, edited_at, deleted_at, state, reason, ttl, expires_at, writer_epoch,
                cancelled_at
            )
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
                .textArray(messages.map(\.stream?.storedState)),
                .textArray(messages.map(\.stream?.end?.reason?.value)),
                .int64Array(messages.map(\.stream?.writer?.ttl.seconds)),
                .timestampArray(messages.map(\.stream?.writer?.expiresAt.microsecondsSinceEpoch)),
                .int64Array(messages.map(\.stream?.writer?.epoch)),
                .timestampArray(messages.map(\.stream?.writer?.cancelledAt?.microsecondsSinceEpoch)),
            ]
        ).divided(by: "messages.chat_id")
    }

    /// Joins a deleted message with adjacent deleted ones, so that reads of the latest messages can skip the whole run.
    ///
    /// The first message of a run stores the last one's position in `run_seq`, and the last stores the first one's.
    /// Values in between are stale but harmless: the positions that they skip are deleted and stay deleted.
    fileprivate static func joinDeletedRun(_ message: Message) -> PostgresStatement {
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

    fileprivate static func insert(_ changes: [LogRecord]) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO changes (chat_id, seq, kind, author, message_id, payload, created_at)
            SELECT * FROM unnest(
                $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::timestamptz[]
            )
            """,
            columns(of: changes)
        )
    }

    /// Inserts memberships or updates the stored ones; moving a read marker changes no index.
    fileprivate static func insert(_ members: [Member]) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO members (chat_id, user_id, role, joined_seq, left_seq, read_seq)
            SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
            ON CONFLICT (chat_id, user_id) DO UPDATE SET
                role = excluded.role, joined_seq = excluded.joined_seq, left_seq = excluded.left_seq,
                read_seq = excluded.read_seq, activity = excluded.activity
            """,
            columns(of: members)
        )
    }

    fileprivate static func moveHeads(_ heads: [ChatID: LogHead]) -> PostgresStatement {
        let heads = Array(heads.values)
        return PostgresStatement(
            """
            UPDATE chats SET
                last_seq = head.last_seq, last_entry_at = head.last_entry_at, last_message_at = head.last_message_at,
                message_count = head.message_count, activity = DEFAULT
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
        ).divided(by: "chats.id")
    }

    fileprivate static func update(_ chats: [Chat]) -> PostgresStatement {
        PostgresStatement(
            """
            UPDATE chats
            SET title = edit.title, metadata = edit.metadata, receipts = edit.receipts, slow_mode = edit.slow_mode
            FROM unnest($1::bigint[], $2::text[], $3::text[], $4::boolean[], $5::bigint[])
                AS edit (id, title, metadata, receipts, slow_mode)
            WHERE chats.id = edit.id
            """,
            [
                .int64Array(chats.map(\.id.rawValue)), .textArray(chats.map(\.title)),
                .textArray(chats.map(\.metadata?.json)), .boolArray(chats.map(\.receipts)),
                .int64Array(chats.map(\.slowMode.seconds)),
            ]
        ).divided(by: "chats.id")
    }
}
