import ChatDomain
import PostgresClient

/// The statements about open messages.
extension PostgresConnection {
    func fetchLapsedMessages(at now: Instant, limit: Int) throws(PostgresError) -> [BatchPlan.MessageReference] {
        let cancelled = now.advanced(by: .zero - StreamWriter.cancelDelay)
        let result = try query(
            """
            SELECT messages.chat_id, messages.id FROM messages JOIN chats ON chats.id = messages.chat_id
            WHERE state = 'open' AND (expires_at <= $1 OR cancelled_at <= $2) AND chats.deleted_at IS NULL LIMIT $3
            """,
            [
                .timestamp(microsecondsSinceEpoch: now.microsecondsSinceEpoch),
                .timestamp(microsecondsSinceEpoch: cancelled.microsecondsSinceEpoch),
                .int64(Int64(limit)),
            ]
        )
        let (chat, id) = (try result.column("chat_id"), try result.column("id"))
        var references: [BatchPlan.MessageReference] = []
        for row in 0..<result.rowCount {
            references.append(
                BatchPlan.MessageReference(
                    chatID: ChatID(rawValue: try result.int64(chat, row: row)),
                    id: MessageID(rawValue: try result.int64(id, row: row))
                )
            )
        }
        return references
    }

    func fetchOpenMessages(of chats: [ChatID]) throws(PostgresError) -> [Message] {
        let result = try query(
            """
            SELECT messages.chat_id, \(MessageColumns.list) FROM messages JOIN chats ON chats.id = messages.chat_id
            WHERE messages.chat_id = ANY ($1::bigint[]) AND state = 'open' AND chats.deleted_at IS NULL
            """,
            [.int64Array(chats.map(\.rawValue))]
        )
        let (chat, columns) = (try result.column("chat_id"), try MessageColumns(result))
        var messages: [Message] = []
        for row in 0..<result.rowCount {
            let chatID = ChatID(rawValue: try result.int64(chat, row: row))
            messages.append(try columns.message(result, row: row, of: chatID))
        }
        return messages
    }
}

extension PostgresStatement {
    static func countOpenMessages(of chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT chat_id, count(*) AS open_count FROM messages
            WHERE chat_id = ANY ($1::bigint[]) AND state = 'open' GROUP BY chat_id
            """,
            [.int64Array(chats.map(\.rawValue))]
        ).divided()
    }
}

extension PostgresResult {
    borrowing func openCounts() throws(PostgresError) -> [ChatID: Int] {
        try counts("open_count").mapValues { Int($0) }
    }
}
