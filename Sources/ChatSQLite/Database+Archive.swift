import ChatDomain
import GRDB

/// The statements that export and import chats; each runs inside its caller's snapshot or transaction.
extension Database {
    func fetchArchivedChats(after id: ChatID, limit: Int) throws -> [ArchivedChat] {
        let statement = try cachedStatement(
            sql: """
                SELECT \(HeadColumns.list), coalesce(author, '') AS author, idempotency_key, idempotency_fingerprint
                FROM chats LEFT JOIN chat_idempotency_keys ON chat_id = chats.id
                WHERE chats.id > ? AND deleted_at IS NULL ORDER BY chats.id LIMIT ?
                """
        )
        let columns = try HeadColumns(statement)
        let key = try statement.column("idempotency_key")
        let fingerprint = try statement.column("idempotency_fingerprint")
        let author = try statement.column("author")
        let rows = try Row.fetchCursor(statement, arguments: [id.rawValue, limit]).map { row in
            ArchivedChat(
                head: columns.head(row),
                idempotency: IdempotencyKey(column: row[key]).map {
                    Idempotency(key: $0, fingerprint: row[fingerprint])
                },
                keyAuthor: UserID(stored: row[author])
            )
        }
        return try Array(rows)
    }

    func fetchArchivedEntries(of chat: ChatID, after position: Position, limit: Int) throws -> [ArchivedEntry] {
        let sent = try cachedStatement(
            sql: """
                SELECT \(MessageColumns.list), idempotency_fingerprint
                FROM messages WHERE chat_id = ? AND seq > ? ORDER BY seq LIMIT ?
                """
        )
        let columns = try MessageColumns(sent)
        let fingerprint = try sent.column("idempotency_fingerprint")
        let messages = try Row.fetchCursor(sent, arguments: [chat.rawValue, position.rawValue, limit]).map { row in
            ArchivedEntry.message(columns.message(row, of: chat), fingerprint: row[fingerprint])
        }
        let changed = try cachedStatement(
            sql: """
                SELECT \(RecordColumns.list) FROM changes WHERE chat_id = ? AND seq > ? ORDER BY seq LIMIT ?
                """
        )
        let records = try RecordColumns(changed)
        let changes = try Row.fetchCursor(changed, arguments: [chat.rawValue, position.rawValue, limit]).map { row in
            ArchivedEntry.change(try records.record(row, of: chat))
        }
        return try Array(merging: Array(messages), Array(changes), limit: limit)
    }

    func importBatch(
        _ stretches: [ArchivedStretch],
        skipsConflicts: Bool,
        at now: Instant
    ) throws -> ImportResult {
        let plan = ImportPlan(stretches, from: try fetchPriorState(of: stretches))
        guard plan.conflicts.isEmpty || skipsConflicts else {
            return ImportResult(added: ImportCount(), conflicts: plan.conflicts)
        }
        _ = try apply(plan.writes, at: now)
        return ImportResult(added: plan.count, conflicts: plan.conflicts)
    }

    func fetchPriorState(of stretches: [ArchivedStretch]) throws -> ImportPlan.PriorState {
        var priorState = ImportPlan.PriorState()
        for chat in stretches.map(\.chat.id) {
            priorState.heads[chat] = try fetchHead(of: chat)
            if priorState.heads[chat] == nil, try isBeingRemoved(chat) {
                priorState.removedChats.insert(chat)
            }
        }
        let needs = ImportPlan.Needs(stretches, from: priorState.heads)
        for reference in needs.messages {
            priorState.messages[reference] = try fetchMessage(reference.id, in: reference.chatID)
        }
        for key in needs.keys where try isUsed(key) {
            priorState.usedKeys.insert(key)
        }
        for change in needs.changes where try contains(change) {
            priorState.changes.insert(ImportPlan.Place(chatID: change.chatID, position: change.position))
        }
        for reference in needs.members {
            priorState.members[reference] = try fetchMember(reference)
        }
        return priorState
    }

    private func isBeingRemoved(_ chat: ChatID) throws -> Bool {
        let statement = try cachedStatement(sql: "SELECT 1 FROM chats WHERE id = ?")
        return try Int.fetchOne(statement, arguments: [chat.rawValue]) != nil
    }

    private func isUsed(_ key: BatchPlan.SentKey) throws -> Bool {
        let statement = try cachedStatement(
            sql: "SELECT 1 FROM messages WHERE chat_id = ? AND author = ? AND idempotency_key = ?"
        )
        let arguments: StatementArguments = [key.chatID.rawValue, key.author.stored, key.key.value]
        return try Int.fetchOne(statement, arguments: arguments) != nil
    }

    private func contains(_ change: LogRecord) throws -> Bool {
        let statement = try cachedStatement(
            sql: """
                SELECT 1 FROM changes
                WHERE chat_id = ? AND seq = ? AND kind = ? AND author = ? AND message_id IS ? AND payload IS ?
                    AND created_at = ?
                """
        )
        return try Int.fetchOne(
            statement,
            arguments: [
                change.chatID.rawValue, change.position.rawValue, change.kind.rawValue, change.author.stored,
                change.messageID?.rawValue, change.payload?.json, change.instant.microsecondsSinceEpoch,
            ]
        ) != nil
    }
}
