import ChatDomain
import GRDB

/// The statements that take chats out and put them in. Each runs inside the snapshot or the transaction of its caller.
extension Database {
    func fetchArchivedChats(after id: ChatID, limit: Int) throws -> [ArchivedChat] {
        let statement = try cachedStatement(
            sql: """
                SELECT \(HeadColumns.list), idempotency_key, idempotency_fingerprint
                FROM chats LEFT JOIN chat_idempotency_keys ON chat_id = chats.id
                WHERE chats.id > ? AND deleted_at IS NULL ORDER BY chats.id LIMIT ?
                """
        )
        let columns = try HeadColumns(statement)
        let idempotency = try IdempotencyColumns(statement)
        let rows = try Row.fetchCursor(statement, arguments: [id.rawValue, limit])
        return try Array(
            rows.map { ArchivedChat(head: columns.head($0), idempotency: try idempotency.idempotency($0)) }
        )
    }

    func fetchArchivedEntries(of chat: ChatID, after position: Position, limit: Int) throws -> [ArchivedEntry] {
        let sent = try cachedStatement(
            sql: """
                SELECT \(MessageColumns.list), idempotency_key, idempotency_fingerprint
                FROM messages WHERE chat_id = ? AND seq > ? ORDER BY seq LIMIT ?
                """
        )
        let columns = try MessageColumns(sent)
        let idempotency = try IdempotencyColumns(sent)
        let messages = try Row.fetchCursor(sent, arguments: [chat.rawValue, position.rawValue, limit]).map { row in
            ArchivedEntry.message(columns.message(row, of: chat), try idempotency.idempotency(row))
        }
        let changed = try cachedStatement(
            sql: """
                SELECT seq, kind, created_at, message_id
                FROM changes WHERE chat_id = ? AND seq > ? ORDER BY seq LIMIT ?
                """
        )
        let entryPosition = try changed.column("seq")
        let kind = try changed.column("kind")
        let instant = try changed.column("created_at")
        let messageID = try changed.column("message_id")
        let changes = try Row.fetchCursor(changed, arguments: [chat.rawValue, position.rawValue, limit]).map { row in
            guard let kind = LogEntry.Kind(rawValue: row[kind]) else {
                throw StoreError.failed(reason: "chat \(chat.rawValue) has a change of no kind")
            }
            return ArchivedEntry.change(
                LogPlan.Change(
                    chatID: chat,
                    position: Position(rawValue: row[entryPosition]),
                    kind: kind,
                    instant: Instant(microsecondsSinceEpoch: row[instant]),
                    messageID: MessageID(stored: row[messageID])
                )
            )
        }
        return try Array(merging: Array(messages), Array(changes), limit: limit)
    }

    func importBatch(_ stretches: [ArchivedStretch], skipsConflicts: Bool) throws -> ImportResult {
        let plan = ImportPlan(stretches, knowing: try fetchKnowledge(of: stretches))
        guard plan.conflicts.isEmpty || skipsConflicts else {
            return ImportResult(added: ImportCount(), conflicts: plan.conflicts)
        }
        for chat in plan.newChats {
            try insert(chat)
        }
        for (message, idempotency) in plan.messages {
            try insert(message, idempotency)
        }
        for change in plan.changes {
            try insert(change)
        }
        for (reference, message) in plan.editedMessages {
            try update(message, reference)
        }
        for message in plan.deletedMessages {
            try joinDeletedRun(message)
        }
        for (chat, head) in plan.movedHeads {
            try moveHead(to: head)
            if plan.editedChats.contains(chat) {
                try update(head.chat)
            }
        }
        // Those of chats are seen to by AUTOINCREMENT.
        try cachedStatement(sql: "UPDATE counters SET value = max(value, ?) WHERE name = 'message_id'")
            .execute(arguments: [plan.largestMessageID])
        return ImportResult(added: plan.count, conflicts: plan.conflicts)
    }

    func fetchKnowledge(of stretches: [ArchivedStretch]) throws -> ImportPlan.Knowledge {
        var knowledge = ImportPlan.Knowledge()
        for chat in stretches.map(\.chat.id) {
            knowledge.heads[chat] = try fetchHead(of: chat)
            if knowledge.heads[chat] == nil, try isBeingRemoved(chat) {
                knowledge.removedChats.insert(chat)
            }
        }
        let needs = ImportPlan.Needs(stretches, knowing: knowledge.heads)
        for reference in needs.messages {
            knowledge.messages[reference] = try fetchMessage(reference.id, in: reference.chatID)
        }
        for key in needs.keys where try isUsed(key) {
            knowledge.usedKeys.insert(key)
        }
        for change in needs.changes where try contains(change) {
            knowledge.changes.insert(ImportPlan.Place(chatID: change.chatID, position: change.position))
        }
        return knowledge
    }

    private func isBeingRemoved(_ chat: ChatID) throws -> Bool {
        let statement = try cachedStatement(sql: "SELECT 1 FROM chats WHERE id = ?")
        return try Int.fetchOne(statement, arguments: [chat.rawValue]) != nil
    }

    private func isUsed(_ key: LogPlan.SentKey) throws -> Bool {
        let statement = try cachedStatement(sql: "SELECT 1 FROM messages WHERE chat_id = ? AND idempotency_key = ?")
        return try Int.fetchOne(statement, arguments: [key.chatID.rawValue, key.key.value]) != nil
    }

    private func contains(_ change: LogPlan.Change) throws -> Bool {
        let statement = try cachedStatement(
            sql: """
                SELECT 1 FROM changes
                WHERE chat_id = ? AND seq = ? AND kind = ? AND message_id IS ? AND created_at = ?
                """
        )
        return try Int.fetchOne(
            statement,
            arguments: [
                change.chatID.rawValue, change.position.rawValue, change.kind.rawValue, change.messageID?.rawValue,
                change.instant.microsecondsSinceEpoch,
            ]
        ) != nil
    }

    private func insert(_ archived: ArchivedChat) throws {
        let chat = archived.head.chat
        let instant = chat.createdAt.microsecondsSinceEpoch
        try cachedStatement(
            sql: "INSERT INTO chats (id, title, metadata, created_at, last_entry_at) VALUES (?, ?, ?, ?, ?)"
        ).execute(arguments: [chat.id.rawValue, chat.title, chat.metadata?.json, instant, instant])
        guard let idempotency = archived.idempotency else { return }
        // A key that has made another chat here stays with that one.
        try cachedStatement(
            sql: """
                INSERT INTO chat_idempotency_keys (idempotency_key, idempotency_fingerprint, chat_id) VALUES (?, ?, ?)
                ON CONFLICT (idempotency_key) DO NOTHING
                """
        ).execute(arguments: [idempotency.key.value, idempotency.fingerprint, chat.id.rawValue])
    }

    private func insert(_ message: Message, _ idempotency: Idempotency?) throws {
        let statement = try cachedStatement(
            sql: """
                INSERT INTO messages
                    (chat_id, seq, id, text, created_at, metadata, reply_to, revision, edited_at, deleted_at,
                    idempotency_key, idempotency_fingerprint)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        )
        try statement.execute(
            arguments: [
                message.chatID.rawValue, message.position.rawValue, message.id.rawValue, message.text,
                message.createdAt.microsecondsSinceEpoch, message.metadata?.json, message.replyTo?.rawValue,
                message.revision, message.editedAt?.microsecondsSinceEpoch, message.deletedAt?.microsecondsSinceEpoch,
                idempotency?.key.value, idempotency?.fingerprint,
            ]
        )
    }
}

/// Where a statement's rows have an idempotency key and its fingerprint.
private struct IdempotencyColumns {
    private let key, fingerprint: Int

    init(_ statement: Statement) throws {
        key = try statement.column("idempotency_key")
        fingerprint = try statement.column("idempotency_fingerprint")
    }

    func idempotency(_ row: Row) throws -> Idempotency? {
        guard let text: String = row[key] else { return nil }
        guard let key = IdempotencyKey(text) else {
            throw StoreError.failed(reason: "a stored idempotency key is invalid")
        }
        return Idempotency(key: key, fingerprint: row[fingerprint])
    }
}
