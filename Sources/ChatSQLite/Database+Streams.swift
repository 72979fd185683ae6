import ChatDomain
import GRDB

/// The statements about open messages; each runs inside its caller's snapshot or transaction.
extension Database {
    func fetchOpenCount(of chat: ChatID) throws -> Int {
        let statement = try cachedStatement(
            sql: "SELECT count(*) FROM messages WHERE chat_id = ? AND state = 'open'"
        )
        return try Int.fetchOne(statement, arguments: [chat.rawValue]) ?? 0
    }

    func fetchLapsedMessages(at now: Instant, limit: Int) throws -> [BatchPlan.MessageReference] {
        let statement = try cachedStatement(
            sql: """
                SELECT messages.chat_id, messages.id FROM messages JOIN chats ON chats.id = messages.chat_id
                WHERE state = 'open' AND (expires_at <= ? OR cancelled_at <= ?) AND chats.deleted_at IS NULL LIMIT ?
                """
        )
        let cancelled = now.advanced(by: .zero - StreamWriter.cancelDelay)
        let arguments: StatementArguments = [
            now.microsecondsSinceEpoch, cancelled.microsecondsSinceEpoch, limit,
        ]
        return try Row.fetchAll(statement, arguments: arguments).map { row in
            BatchPlan.MessageReference(chatID: ChatID(rawValue: row[0]), id: MessageID(rawValue: row[1]))
        }
    }

    func fetchOpenMessages(of chats: [ChatID]) throws -> [Message] {
        let statement = try cachedStatement(
            sql: """
                SELECT messages.chat_id, \(MessageColumns.list)
                FROM json_each(?) AS listed CROSS JOIN messages ON messages.chat_id = listed.value
                JOIN chats ON chats.id = messages.chat_id
                WHERE state = 'open' AND chats.deleted_at IS NULL
                """
        )
        let columns = try MessageColumns(statement)
        let rows = try Row.fetchCursor(statement, arguments: [chats.json])
        return try Array(rows.map { columns.message($0, of: ChatID(rawValue: $0[0])) })
    }
}
