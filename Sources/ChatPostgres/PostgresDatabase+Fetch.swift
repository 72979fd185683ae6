import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// Reads the ends of any number of logs in one statement, and so in one snapshot.
    func fetch(_ tails: [LogTail]) async throws(StoreError) -> [Result<ChatWithMessages, StoreError>] {
        // Many may ask for the same at the same time.
        let distinct = Array(Set(tails))
        let fetched = try await read { connection throws(PostgresError) in try connection.fetch(distinct) }
        let byTail = Dictionary(uniqueKeysWithValues: zip(distinct, fetched))
        return tails.map { tail in
            byTail[tail].flatMap { $0 }.map { .success($0) } ?? .failure(.chatNotFound)
        }
    }
}

extension PostgresConnection {
    /// In the order of the tails; nil for a chat that does not exist.
    fileprivate func fetch(_ tails: [LogTail]) throws(PostgresError) -> [ChatWithMessages?] {
        let result = try query(
            """
            SELECT tail.number, chats.title, chats.created_at, log.seq, log.id, log.text, log.created_at
            FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS tail (chat_id, size, number)
            JOIN chats ON chats.id = tail.chat_id
            LEFT JOIN LATERAL (
                SELECT seq, id, text, created_at FROM messages
                WHERE messages.chat_id = tail.chat_id ORDER BY seq DESC LIMIT tail.size
            ) AS log ON true
            """,
            [.int64Array(tails.map(\.chatID.rawValue)), .int64Array(tails.map { Int64($0.limit) })]
        )
        var chats: [Chat?] = Array(repeating: nil, count: tails.count)
        var messages: [[Message]] = Array(repeating: [], count: tails.count)
        for row in 0..<result.rowCount {
            let index = Int(try result.int64(0, row: row)) - 1
            guard tails.indices.contains(index) else { throw .unexpectedResult("there is no request \(index + 1)") }
            let chatID = tails[index].chatID
            if chats[index] == nil {
                chats[index] = Chat(
                    id: chatID,
                    title: try result.text(1, row: row),
                    createdAt: try result.instant(2, row: row)
                )
                messages[index].reserveCapacity(tails[index].limit)
            }
            if !result.isNull(3, row: row) {
                messages[index].append(try result.message(of: chatID, columnsFrom: 3, row: row))
            }
        }
        return zip(chats, messages).map { chat, messages in
            // The order within a join is not promised.
            chat.map { ChatWithMessages(chat: $0, messages: messages.sorted { $0.position < $1.position }) }
        }
    }
}
