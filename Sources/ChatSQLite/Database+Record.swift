import ChatDomain
import GRDB

/// Recording a batch of writes. Each method runs inside its caller's transaction.
extension Database {
    /// Carries out a batch of writes.
    ///
    /// SQLite's writer is alone: what is read here holds until the commit.
    func record(_ requests: [WriteRequest], at now: Instant) throws -> RecordedBatch {
        let plan = LogPlan(requests, knowing: try fetchKnowledge(LogPlan.Needs(requests)), at: now)
        return plan.recorded(try apply(plan.writes, at: now))
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
}
