import ChatDomain
import GRDB

/// The statements that change logs. Each runs inside the transaction of its caller.
extension Database {
    /// Carries out a batch of changes.
    ///
    /// SQLite's writer is alone: what is read here holds until the commit.
    func record(_ requests: [LogRequest], at now: Instant) throws -> RecordedBatch {
        let plan = LogPlan(requests, knowing: try fetchKnowledge(LogPlan.Needs(requests)), at: now)
        let ids = try takeMessageIDs(plan.appends.count)
        for (append, id) in zip(plan.appends, ids) {
            try insert(append, id)
        }
        for (reference, message) in plan.editedMessages {
            try update(message, reference)
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
        return plan.recorded(ids: ids)
    }

    private func fetchKnowledge(_ needs: LogPlan.Needs) throws -> LogPlan.Knowledge {
        var knowledge = LogPlan.Knowledge()
        for chat in needs.chats {
            knowledge.heads[chat] = try fetchHead(of: chat)
        }
        for key in needs.keys {
            knowledge.sent[key] = try fetchMessage(sentUnder: key)
        }
        for reference in needs.messages {
            knowledge.messages[reference] = try fetchMessage(reference.id, in: reference.chatID)
        }
        return knowledge
    }

    func fetchHead(of chat: ChatID) throws -> LogHead? {
        let statement = try cachedStatement(
            sql: "SELECT \(Chat.columns), last_entry_at FROM chats WHERE id = ? AND deleted_at IS NULL"
        )
        return try Row.fetchOne(statement, arguments: [chat.rawValue]).map { row in
            LogHead(chat: Chat(row), instant: Instant(microsecondsSinceEpoch: row[7]))
        }
    }

    private func fetchMessage(sentUnder key: LogPlan.SentKey) throws -> LogPlan.SentMessage? {
        let statement = try cachedStatement(
            sql: """
                SELECT \(Message.columns), idempotency_fingerprint FROM messages
                WHERE chat_id = ? AND idempotency_key = ?
                """
        )
        return try Row.fetchOne(statement, arguments: [key.chatID.rawValue, key.key.value]).map { row in
            LogPlan.SentMessage(message: Message(of: key.chatID, row), fingerprint: row[9])
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
