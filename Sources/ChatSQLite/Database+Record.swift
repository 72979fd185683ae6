import ChatDomain
import GRDB

/// The statements that write. Each runs inside the transaction of its caller.
extension Database {
    /// Carries out a batch of writes.
    ///
    /// SQLite's writer is alone: what is read here holds until the commit.
    func record(_ requests: [WriteRequest], at now: Instant) throws -> RecordedBatch {
        let plan = LogPlan(requests, knowing: try fetchKnowledge(LogPlan.Needs(requests)), at: now)
        var written = LogPlan.Written(messageIDs: try takeMessageIDs(plan.appends.count))
        for (append, id) in zip(plan.appends, written.messageIDs) {
            try insert(append, id)
        }
        for (reference, message) in plan.editedMessages {
            try update(message, reference)
        }
        for message in plan.deletedMessages {
            try joinDeletedRun(message)
        }
        for change in plan.changes {
            try insert(change)
        }
        for (chat, head) in plan.movedHeads {
            try moveHead(to: head)
            if plan.editedChats.contains(chat) {
                try update(head.chat)
            }
        }
        for chat in plan.removedChats {
            try remove(chat)
        }
        for chat in plan.hiddenChats {
            try hide(chat, at: now)
        }
        written.chatIDs = try plan.creations.map { try insert($0) }
        if plan.purges {
            written.hasMoreToPurge = try purgeDeletedChats()
        }
        return plan.recorded(written)
    }

    private func fetchKnowledge(_ needs: LogPlan.Needs) throws -> LogPlan.Knowledge {
        var knowledge = LogPlan.Knowledge()
        for chat in needs.chats {
            knowledge.heads[chat] = try fetchHead(of: chat)
        }
        knowledge.epoch = try fetchEpoch()
        for key in needs.keys {
            knowledge.sent[key] = try fetchMessage(sentUnder: key)
        }
        for reference in needs.messages {
            knowledge.messages[reference] = try fetchMessage(reference.id, in: reference.chatID)
        }
        for key in needs.creationKeys {
            knowledge.createdChats[key] = try fetchChat(createdUnder: key)
        }
        return knowledge
    }

    func fetchHead(of chat: ChatID) throws -> LogHead? {
        let statement = try cachedStatement(
            sql: "SELECT \(HeadColumns.list) FROM chats WHERE id = ? AND deleted_at IS NULL"
        )
        let columns = try HeadColumns(statement)
        return try Row.fetchCursor(statement, arguments: [chat.rawValue]).map { columns.head($0) }.next()
    }

    private func fetchMessage(sentUnder key: LogPlan.SentKey) throws -> LogPlan.SentMessage? {
        let statement = try cachedStatement(
            sql: """
                SELECT \(MessageColumns.list), idempotency_fingerprint FROM messages
                WHERE chat_id = ? AND idempotency_key = ?
                """
        )
        let columns = try MessageColumns(statement)
        let fingerprint = try statement.column("idempotency_fingerprint")
        return try Row.fetchOne(statement, arguments: [key.chatID.rawValue, key.key.value]).map { row in
            LogPlan.SentMessage(message: columns.message(row, of: key.chatID), fingerprint: row[fingerprint])
        }
    }

    private func fetchChat(createdUnder key: IdempotencyKey) throws -> LogPlan.CreatedChat? {
        let statement = try cachedStatement(
            sql: """
                SELECT \(HeadColumns.list), sent.idempotency_fingerprint
                FROM chat_idempotency_keys AS sent JOIN chats ON chats.id = sent.chat_id
                WHERE sent.idempotency_key = ?
                """
        )
        let columns = try HeadColumns(statement)
        let fingerprint = try statement.column("idempotency_fingerprint")
        return try Row.fetchOne(statement, arguments: [key.value]).map { row in
            LogPlan.CreatedChat(chat: columns.head(row).chat, fingerprint: row[fingerprint])
        }
    }

    private func takeMessageIDs(_ count: Int) throws -> [MessageID] {
        if count == 0 { return [] }
        let statement = try cachedStatement(
            sql: "UPDATE counters SET value = value + ? WHERE name = 'message_id' RETURNING value"
        )
        guard let last = try Int64.fetchOne(statement, arguments: [count]) else {
            throw StoreError.failed(reason: "the counter of message ids is missing")
        }
        return (last - Int64(count) + 1...last).map(MessageID.init(rawValue:))
    }

    private func insert(_ append: LogPlan.Append, _ id: MessageID) throws {
        let statement = try cachedStatement(
            sql: """
                INSERT INTO messages
                    (chat_id, seq, id, text, created_at, metadata, reply_to, idempotency_key, idempotency_fingerprint)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        )
        let draft = append.draft
        try statement.execute(
            arguments: [
                append.chatID.rawValue, append.position.rawValue, id.rawValue, draft.text.value,
                append.createdAt.microsecondsSinceEpoch, draft.metadata?.json, draft.replyTo?.rawValue,
                draft.idempotency?.key.value, draft.idempotency?.fingerprint,
            ]
        )
    }

    func update(_ message: Message, _ reference: LogPlan.MessageReference) throws {
        let statement = try cachedStatement(
            sql: """
                UPDATE messages SET
                    text = ?, metadata = ?, revision = ?, edited_at = ?, deleted_at = ?,
                    idempotency_fingerprint = iif(? AND idempotency_key NOT NULL, 0, idempotency_fingerprint)
                WHERE chat_id = ? AND seq = ?
                """
        )
        try statement.execute(
            arguments: [
                message.text, message.metadata?.json, message.revision, message.editedAt?.microsecondsSinceEpoch,
                message.deletedAt?.microsecondsSinceEpoch, message.isDeleted, reference.chatID.rawValue,
                message.position.rawValue,
            ]
        )
    }

    /// Lets reads of the newest messages leap over a message that was deleted, with those around it that are deleted, too.
    ///
    /// `run_seq` of the first message of such a run is the position of the last, and that of the last is the position of
    /// the first. What it is between them does not matter: whatever it says of positions below was true and stays so.
    func joinDeletedRun(_ message: Message) throws {
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
    private func insert(_ creation: LogPlan.Creation) throws -> ChatID {
        let statement = try cachedStatement(
            sql: "INSERT INTO chats (title, metadata, created_at, last_entry_at) VALUES (?, ?, ?, ?)"
        )
        let (draft, instant) = (creation.draft, creation.createdAt.microsecondsSinceEpoch)
        try statement.execute(arguments: [draft.title.value, draft.metadata?.json, instant, instant])
        let id = ChatID(rawValue: lastInsertedRowID)
        guard let idempotency = draft.idempotency else { return id }
        try cachedStatement(
            sql: """
                INSERT INTO chat_idempotency_keys (idempotency_key, idempotency_fingerprint, chat_id) VALUES (?, ?, ?)
                """
        ).execute(arguments: [idempotency.key.value, idempotency.fingerprint, id.rawValue])
        return id
    }

    func insert(_ change: LogPlan.Change) throws {
        let statement = try cachedStatement(
            sql: "INSERT INTO changes (chat_id, seq, kind, message_id, created_at) VALUES (?, ?, ?, ?, ?)"
        )
        try statement.execute(
            arguments: [
                change.chatID.rawValue, change.position.rawValue, change.kind.rawValue, change.messageID?.rawValue,
                change.instant.microsecondsSinceEpoch,
            ]
        )
    }

    func moveHead(to head: LogHead) throws {
        let statement = try cachedStatement(
            sql: "UPDATE chats SET last_seq = ?, last_entry_at = ?, last_message_at = ?, message_count = ? WHERE id = ?"
        )
        try statement.execute(
            arguments: [
                head.chat.lastPosition.rawValue, head.instant.microsecondsSinceEpoch,
                head.chat.lastMessageAt?.microsecondsSinceEpoch, head.chat.messageCount, head.chat.id.rawValue,
            ]
        )
    }

    func update(_ chat: Chat) throws {
        try cachedStatement(sql: "UPDATE chats SET title = ?, metadata = ? WHERE id = ?")
            .execute(arguments: [chat.title, chat.metadata?.json, chat.id.rawValue])
    }
}
