import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// Reads the ends of any number of logs in one statement, and so in one snapshot.
    func fetch(_ requests: [LogTailRequest]) async throws(StoreError) -> [Result<LogTailAnswer, StoreError>] {
        // Many may ask for the same at the same time.
        let distinct = Array(Set(requests))
        let fetched = try await read { connection throws(PostgresError) in try connection.fetch(distinct) }
        let answers = Dictionary(uniqueKeysWithValues: zip(distinct, fetched))
        return requests.map { request in
            answers[request].flatMap { $0 }.map { .success($0) } ?? .failure(.chatNotFound)
        }
    }
}

extension PostgresConnection {
    /// In the order of the requests; nil for a chat that does not exist.
    fileprivate func fetch(_ requests: [LogTailRequest]) throws(PostgresError) -> [LogTailAnswer?] {
        let result = try query(
            """
            SELECT tail.number, chats.last_seq, chats.title, chats.created_at, log.seq, log.id, log.text, log.created_at
            FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS tail (chat_id, size, known, number)
            JOIN chats ON chats.id = tail.chat_id
            LEFT JOIN LATERAL (
                SELECT seq, id, text, created_at FROM messages
                WHERE messages.chat_id = tail.chat_id AND tail.known IS DISTINCT FROM chats.last_seq
                ORDER BY seq DESC LIMIT tail.size
            ) AS log ON true
            """,
            [
                .int64Array(requests.map(\.tail.chatID.rawValue)),
                .int64Array(requests.map { Int64($0.tail.limit) }),
                .int64Array(requests.map(\.known?.rawValue)),
            ]
        )
        var chats: [(chat: Chat, position: Position)?] = Array(repeating: nil, count: requests.count)
        var messages: [[Message]] = Array(repeating: [], count: requests.count)
        for row in 0..<result.rowCount {
            let index = Int(try result.int64(0, row: row)) - 1
            guard requests.indices.contains(index) else { throw .unexpectedResult("there is no request \(index + 1)") }
            let tail = requests[index].tail
            if chats[index] == nil {
                let createdAt = try result.instant(3, row: row)
                chats[index] = (
                    Chat(id: tail.chatID, title: try result.text(2, row: row), createdAt: createdAt),
                    Position(rawValue: try result.int64(1, row: row))
                )
                messages[index].reserveCapacity(tail.limit)
            }
            if !result.isNull(4, row: row) {
                messages[index].append(try result.message(of: tail.chatID, columnsFrom: 4, row: row))
            }
        }
        return requests.indices.map { index in
            guard let (chat, position) = chats[index] else { return nil }
            if position == requests[index].known { return .unchanged }
            // The order within a join is not promised.
            let ordered = messages[index].sorted { $0.position < $1.position }
            return .read(ChatWithMessages(chat: chat, position: position, messages: ordered))
        }
    }
}
