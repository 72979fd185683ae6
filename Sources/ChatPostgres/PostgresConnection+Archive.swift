import ChatDomain
import PostgresClient

extension PostgresConnection {
    func fetchArchivedChats(after id: ChatID, limit: Int) throws(PostgresError) -> [ArchivedChat] {
        let result = try query(
            """
            SELECT \(HeadColumns.list), coalesce(author, '') AS author, idempotency_key, idempotency_fingerprint
            FROM chats LEFT JOIN chat_idempotency_keys ON chat_id = chats.id
            WHERE chats.id > $1 AND deleted_at IS NULL ORDER BY chats.id LIMIT $2
            """,
            [.int64(id.rawValue), .int64(Int64(limit))]
        )
        let columns = try HeadColumns(result)
        let author = try result.column("author")
        let key = try result.column("idempotency_key")
        let fingerprint = try result.column("idempotency_fingerprint")
        var chats: [ArchivedChat] = []
        for row in 0..<result.rowCount {
            let idempotency = try result.optionalKey(key, row: row).map { key throws(PostgresError) in
                Idempotency(key: key, fingerprint: try result.int64(fingerprint, row: row))
            }
            chats.append(
                ArchivedChat(
                    head: try columns.head(result, row: row),
                    idempotency: idempotency,
                    keyAuthor: UserID(stored: try result.text(author, row: row))
                )
            )
        }
        return chats
    }

    /// Reads a chat's messages and changes after a position in one snapshot; nil if the chat does not exist.
    func fetchArchivedEntries(
        of chat: ChatID,
        after position: Position,
        limit: Int
    ) throws(PostgresError) -> [ArchivedEntry]? {
        let stretch: [PostgresValue] = [.int64(chat.rawValue), .int64(position.rawValue), .int64(Int64(limit))]
        var isThere = false
        var messages: [ArchivedEntry] = []
        var changes: [ArchivedEntry] = []
        try readSnapshot([
            PostgresStatement("SELECT FROM chats WHERE id = $1 AND deleted_at IS NULL", [.int64(chat.rawValue)]),
            PostgresStatement(
                """
                SELECT \(MessageColumns.list), idempotency_fingerprint
                FROM messages WHERE chat_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
                """,
                stretch
            ),
            PostgresStatement(
                """
                SELECT \(RecordColumns.list)
                FROM changes AS entry WHERE chat_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
                """,
                stretch
            ),
        ]) { index, result throws(PostgresError) in
            switch index {
            case 0: isThere = result.rowCount > 0
            case 1: messages = try result.archivedMessages(of: chat)
            default: changes = try result.archivedChanges(of: chat)
            }
        }
        return isThere ? Array(merging: messages, changes, limit: limit) : nil
    }

    func fetchReadMarkers(of chat: ChatID, after user: UserID?, limit: Int) throws(PostgresError) -> [ReadMarker] {
        let result = try query(
            "SELECT \(MemberColumns.list) FROM members WHERE chat_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
            [.int64(chat.rawValue), .text(user.stored), .int64(Int64(limit))]
        )
        return try result.members().map(ReadMarker.init(of:))
    }
}

extension PostgresResult {
    fileprivate borrowing func archivedMessages(of chat: ChatID) throws(PostgresError) -> [ArchivedEntry] {
        let columns = try MessageColumns(self)
        let fingerprint = try column("idempotency_fingerprint")
        var messages: [ArchivedEntry] = []
        for row in 0..<rowCount {
            let message = try columns.message(self, row: row, of: chat)
            let hash = isNull(fingerprint, row: row) ? nil : try int64(fingerprint, row: row)
            messages.append(.message(message, fingerprint: hash))
        }
        return messages
    }

    fileprivate borrowing func archivedChanges(of chat: ChatID) throws(PostgresError) -> [ArchivedEntry] {
        let columns = try RecordColumns(self)
        var changes: [ArchivedEntry] = []
        for row in 0..<rowCount {
            if let record = try columns.record(self, row: row, of: chat) {
                changes.append(.change(record))
            }
        }
        return changes
    }
}
