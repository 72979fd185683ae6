import ChatDomain
import GRDB

/// The statements that write; each runs inside its caller's transaction.
extension Database {
    /// Carries out a plan's writes, in the order in which `LogWrites` declares them.
    ///
    /// - Parameter now: When hidden chats were deleted, which orders their purge.
    func apply(_ writes: LogWrites, at now: Instant) throws -> LogWrites.Written {
        if writes.isEmpty { return LogWrites.Written() }
        let (messageIDs, activity) = try count(messages: writes.appends.count)
        for chat in writes.importedChats {
            try insert(chat, activity)
        }
        for (message, fingerprint) in writes.importedMessages {
            try insert(message, fingerprint)
        }
        if let largest = writes.importedMessages.map(\.message.id.rawValue).max() {
            // AUTOINCREMENT does the same for the ids of chats.
            try cachedStatement(sql: "UPDATE counters SET value = max(value, ?) WHERE name = 'message_id'")
                .execute(arguments: [largest])
        }
        for (append, id) in zip(writes.appends, messageIDs) {
            try insert(append, id)
        }
        for change in writes.changes {
            try insert(change)
        }
        for member in writes.members.values {
            try insert(member, activity)
            if member.leftAt != nil {
                try noteDeparture(of: member.reference, activity)
            }
        }
        for message in writes.editedMessages.values {
            try update(message)
        }
        for message in writes.deletedMessages {
            try joinDeletedRun(message)
        }
        for head in writes.movedHeads.values {
            try moveHead(to: head, activity)
        }
        for chat in writes.editedChatValues {
            try update(chat)
        }
        for chat in writes.removedChats {
            try remove(chat, activity)
        }
        for chat in writes.hiddenChats {
            try hide(chat, at: now, activity)
        }
        for chat in writes.deletedChats {
            try announceDeletion(of: chat, at: now)
        }
        var written = LogWrites.Written(messageIDs: messageIDs)
        written.chatIDs = try writes.creations.map { try insert($0, activity) }
        if writes.purges {
            written.hasMoreToPurge = try purgeDeletedChats(activity)
        }
        return written
    }

    private func insert(_ archived: ArchivedChat, _ activity: Int64) throws {
        let chat = archived.head.chat
        let instant = chat.createdAt.microsecondsSinceEpoch
        try cachedStatement(
            sql: """
                INSERT INTO chats
                    (id, title, metadata, visibility, receipts, slow_mode, created_at, last_entry_at, activity)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(
            arguments: [
                chat.id.rawValue, chat.title, chat.metadata?.json, chat.visibility.rawValue, chat.receipts,
                chat.slowMode.seconds, instant, instant, activity,
            ]
        )
        guard let idempotency = archived.idempotency else { return }
        // If another chat here already has the key, that chat keeps it.
        try cachedStatement(
            sql: """
                INSERT INTO chat_idempotency_keys (author, idempotency_key, idempotency_fingerprint, chat_id)
                VALUES (?, ?, ?, ?)
                ON CONFLICT (author, idempotency_key) DO NOTHING
                """
        ).execute(
            arguments: [
                archived.keyAuthor.stored, idempotency.key.value, idempotency.fingerprint, chat.id.rawValue,
            ]
        )
    }

    private func insert(_ message: Message, _ fingerprint: Int64?) throws {
        let statement = try cachedStatement(
            sql: """
                INSERT INTO messages
                    (chat_id, seq, id, author, text, created_at, metadata, reply_to, revision, edited_at, deleted_at,
                    idempotency_key, idempotency_fingerprint, state, reason)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        )
        try statement.execute(
            arguments: [
                message.chatID.rawValue, message.position.rawValue, message.id.rawValue, message.author.stored,
                message.text, message.createdAt.microsecondsSinceEpoch, message.metadata?.json,
                message.replyTo?.rawValue, message.revision, message.editedAt?.microsecondsSinceEpoch,
                message.deletedAt?.microsecondsSinceEpoch, message.idempotencyKey?.value, fingerprint,
                message.stream?.storedState, message.stream?.end?.reason?.value,
            ]
        )
    }

    /// Takes the ids of new messages and the transaction's activity number, in one statement.
    private func count(messages count: Int) throws -> (messageIDs: [MessageID], activity: Int64) {
        let statement = try cachedStatement(
            sql: """
                UPDATE counters SET value = value + iif(name = 'message_id', ?, 1)
                WHERE name IN ('message_id', 'activity') RETURNING name, value
                """
        )
        let rows = try Row.fetchAll(statement, arguments: [count])
        let values = Dictionary(uniqueKeysWithValues: rows.map { ($0[0] as String, $0[1] as Int64) })
        guard let last = values["message_id"], let activity = values["activity"] else {
            throw StoreError.failed(reason: "a counter is missing")
        }
        let messageIDs = count == 0 ? [] : (last - Int64(count) + 1...last).map(MessageID.init(rawValue:))
        return (messageIDs, activity)
    }

    private func insert(_ append: LogWrites.Append, _ id: MessageID) throws {
        let statement = try cachedStatement(
            sql: """
                INSERT INTO messages
                    (chat_id, seq, id, author, text, created_at, metadata, reply_to, idempotency_key,
                    idempotency_fingerprint, state, ttl, expires_at, writer_epoch)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        )
        let draft = append.draft
        let writer = append.stream?.writer
        try statement.execute(
            arguments: [
                append.chatID.rawValue, append.position.rawValue, id.rawValue, append.author.stored,
                draft.text, append.createdAt.microsecondsSinceEpoch, draft.metadata?.json,
                draft.replyTo?.rawValue, draft.idempotency?.key.value, draft.idempotency?.fingerprint,
                append.stream?.storedState, writer?.ttl.seconds, writer?.expiresAt.microsecondsSinceEpoch,
                writer?.epoch,
            ]
        )
    }

    private func update(_ message: Message) throws {
        let statement = try cachedStatement(
            sql: """
                UPDATE messages SET
                    text = ?, metadata = ?, revision = ?, edited_at = ?, deleted_at = ?, state = ?, reason = ?, ttl = ?,
                    expires_at = ?, writer_epoch = ?, cancelled_at = ?,
                    idempotency_fingerprint = iif(? AND idempotency_key NOT NULL, 0, idempotency_fingerprint)
                WHERE chat_id = ? AND seq = ?
                """
        )
        let writer = message.stream?.writer
        try statement.execute(
            arguments: [
                message.text, message.metadata?.json, message.revision, message.editedAt?.microsecondsSinceEpoch,
                message.deletedAt?.microsecondsSinceEpoch, message.stream?.storedState,
                message.stream?.end?.reason?.value, writer?.ttl.seconds, writer?.expiresAt.microsecondsSinceEpoch,
                writer?.epoch, writer?.cancelledAt?.microsecondsSinceEpoch, message.isDeleted, message.chatID.rawValue,
                message.position.rawValue,
            ]
        )
    }

    /// Joins a deleted message with adjacent deleted ones, so that reads of the latest messages can skip the whole run.
    ///
    /// The first message of a run stores the last one's position in `run_seq`, and the last stores the first one's.
    /// Values in between are stale but harmless: the positions that they skip are deleted and stay deleted.
    private func joinDeletedRun(_ message: Message) throws {
        let (chat, position) = (message.chatID.rawValue, message.position.rawValue)
        let below = try cachedStatement(
            sql: "SELECT run_seq FROM messages WHERE chat_id = ? AND seq < ? ORDER BY seq DESC LIMIT 1"
        )
        let above = try cachedStatement(
            sql: "SELECT run_seq FROM messages WHERE chat_id = ? AND seq > ? ORDER BY seq LIMIT 1"
        )
        let first = try Int64.fetchOne(below, arguments: [chat, position]) ?? position
        let last = try Int64.fetchOne(above, arguments: [chat, position]) ?? position
        let update = try cachedStatement(sql: "UPDATE messages SET run_seq = ? WHERE chat_id = ? AND seq = ?")
        try update.execute(arguments: [last, chat, first])
        try update.execute(arguments: [first, chat, last])
    }

    /// - Returns: The chat's id.
    private func insert(_ creation: LogWrites.Creation, _ activity: Int64) throws -> ChatID {
        let statement = try cachedStatement(
            sql: """
                INSERT INTO chats (title, metadata, visibility, receipts, created_at, last_entry_at, last_seq, activity)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
        )
        let (draft, instant) = (creation.draft, creation.createdAt.microsecondsSinceEpoch)
        try statement.execute(
            arguments: [
                draft.title.value, draft.metadata?.json, draft.visibility.rawValue, draft.receipts, instant,
                instant, creation.lastPosition.rawValue, activity,
            ]
        )
        let id = ChatID(rawValue: lastInsertedRowID)
        for record in creation.records(of: id) {
            try insert(record)
        }
        for member in creation.members(of: id) {
            try insert(member, activity)
        }
        guard let idempotency = draft.idempotency else { return id }
        try cachedStatement(
            sql: """
                INSERT INTO chat_idempotency_keys (author, idempotency_key, idempotency_fingerprint, chat_id)
                VALUES (?, ?, ?, ?)
                """
        ).execute(
            arguments: [creation.keyAuthor.stored, idempotency.key.value, idempotency.fingerprint, id.rawValue]
        )
        return id
    }

    private func insert(_ change: LogRecord) throws {
        let statement = try cachedStatement(
            sql: """
                INSERT INTO changes (chat_id, seq, kind, author, message_id, payload, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
        )
        try statement.execute(
            arguments: [
                change.chatID.rawValue, change.position.rawValue, change.kind.rawValue, change.author.stored,
                change.messageID?.rawValue, change.payload?.json, change.instant.microsecondsSinceEpoch,
            ]
        )
    }

    /// Inserts a membership or updates the stored one.
    private func insert(_ member: Member, _ activity: Int64) throws {
        let statement = try cachedStatement(
            sql: """
                INSERT INTO members (chat_id, user_id, role, joined_seq, left_seq, read_seq, activity)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (chat_id, user_id) DO UPDATE SET
                    role = excluded.role, joined_seq = excluded.joined_seq, left_seq = excluded.left_seq,
                    read_seq = excluded.read_seq, activity = excluded.activity
                """
        )
        try statement.execute(
            arguments: [
                member.reference.chatID.rawValue, member.reference.userID.value, member.role.rawValue,
                member.joinedAt.rawValue, member.leftAt?.rawValue, member.readPosition.rawValue, activity,
            ]
        )
    }

    private func moveHead(to head: LogHead, _ activity: Int64) throws {
        let statement = try cachedStatement(
            sql: """
                UPDATE chats SET last_seq = ?, last_entry_at = ?, last_message_at = ?, message_count = ?, activity = ?
                WHERE id = ?
                """
        )
        try statement.execute(
            arguments: [
                head.chat.lastPosition.rawValue, head.instant.microsecondsSinceEpoch,
                head.chat.lastMessageAt?.microsecondsSinceEpoch, head.chat.messageCount, activity,
                head.chat.id.rawValue,
            ]
        )
    }

    private func update(_ chat: Chat) throws {
        try cachedStatement(sql: "UPDATE chats SET title = ?, metadata = ?, receipts = ?, slow_mode = ? WHERE id = ?")
            .execute(
                arguments: [
                    chat.title, chat.metadata?.json, chat.receipts, chat.slowMode.seconds, chat.id.rawValue,
                ]
            )
    }
}
