import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// Reads the ends of any number of logs, each in one snapshot.
    func fetch(_ requests: [LogTailRequest]) async throws(StoreError) -> [Result<LogTailAnswer, StoreError>] {
        // Many may ask for the same at the same time.
        let distinct = Array(Set(requests))
        let fetched = try await read { connection throws(PostgresError) in
            var answers = try connection.fetch(distinct, .newestMessages)
            // Where many messages at the end are deleted, the others are looked for again, in another way.
            let short = distinct.indices.filter { distinct[$0].hasFewer(answers[$0]) }
            if !short.isEmpty {
                let others = try connection.fetch(short.map { distinct[$0] }, .messagesBetweenDeleted)
                for (index, answer) in zip(short, others) {
                    answers[index] = answer
                }
            }
            return answers
        }
        let answers = Dictionary(uniqueKeysWithValues: zip(distinct, fetched))
        return requests.map { request in
            answers[request].flatMap { $0 }.map { .success($0) } ?? .failure(.chatNotFound)
        }
    }

    func fetchChats(_ query: ChatListQuery) async throws(StoreError) -> ChatList {
        try await read { connection throws(PostgresError) in try connection.fetchChats(query) }
    }

    func searchChats(_ query: ChatListQuery) async throws(StoreError) -> ChatList {
        try await search { connection throws(PostgresError) in try connection.fetchChats(query) }
    }

    func fetchChats(withIDs ids: [ChatID]) async throws(StoreError) -> ChatSnapshot {
        try await read { connection throws(PostgresError) in try connection.fetchChats(withIDs: ids) }
    }

    func fetchMessage(_ id: MessageID, in chat: ChatID) async throws(StoreError) -> Message {
        let message = try await readInChat { connection throws(PostgresError) in
            try connection.fetchMessage(id, in: chat)
        }
        guard let message, !message.isDeleted else { throw .messageNotFound }
        return message
    }

    func fetchPage(_ query: MessagePageQuery) async throws(StoreError) -> MessagePage {
        try await readInChat { connection throws(PostgresError) in try connection.fetchPage(query) }
    }

    func fetchLog(of chat: ChatID, after position: Position, limit: Int) async throws(StoreError) -> LogPage {
        try await readInChat { connection throws(PostgresError) in
            try connection.fetchLog(of: chat, after: position, limit: limit)
        }
    }

    /// Reads something of a chat, which is nil if there is no such chat.
    private func readInChat<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result?
    ) async throws(StoreError) -> Result {
        guard let result = try await read(body) else { throw .chatNotFound }
        return result
    }
}

extension LogTailRequest {
    /// Whether the answer has fewer messages than were asked for, although there are more.
    fileprivate func hasFewer(_ answer: LogTailAnswer?) -> Bool {
        guard case .read(let chat, _) = answer else { return false }
        return chat.messages.count < tail.limit && chat.messages.count < chat.chat.messageCount
    }
}

/// How the newest messages of `tail` are found in the log of `chats`: the text of a subquery.
private struct NewestMessages {
    let query: String

    /// Reads the log backwards, and past some deleted messages.
    static let newestMessages = NewestMessages(
        query: """
            SELECT \(Message.columnNames) FROM (
                SELECT \(Message.columnNames) FROM messages
                WHERE messages.chat_id = tail.chat_id
                    AND (tail.known_epoch, tail.known_seq, tail.known_at)
                        IS DISTINCT FROM (history.epoch, chats.last_seq, chats.last_entry_at)
                ORDER BY seq DESC LIMIT tail.size + 64
            ) AS newest
            WHERE deleted_at IS NULL ORDER BY seq DESC LIMIT tail.size
            """
    )

    /// Walks backwards from message to message and leaps over runs of deleted ones, of which there is at most one more than
    /// messages, so its time does not depend on their length.
    ///
    /// The limit of 1 keeps the planner from reading the whole log for a join.
    static let messagesBetweenDeleted = NewestMessages(
        query: """
            WITH RECURSIVE walk (seq, end_seq, found) AS (
                SELECT NULL::bigint, chats.last_seq + 1, 0::bigint
                UNION ALL
                SELECT
                    CASE WHEN deleted_at IS NULL THEN entry.seq END,
                    CASE WHEN deleted_at IS NULL THEN entry.seq ELSE least(entry.seq, run_seq) END,
                    CASE WHEN deleted_at IS NULL THEN found + 1 ELSE found END
                FROM walk CROSS JOIN LATERAL (
                    SELECT seq, deleted_at, run_seq FROM messages
                    WHERE messages.chat_id = tail.chat_id AND messages.seq < walk.end_seq
                    ORDER BY seq DESC LIMIT 1
                ) AS entry
                WHERE found < tail.size
            )
            SELECT \(Message.columns) FROM walk CROSS JOIN LATERAL (
                SELECT \(Message.columnNames) FROM messages
                WHERE messages.chat_id = tail.chat_id AND messages.seq = walk.seq LIMIT 1
            ) AS messages
            """
    )
}

/// Each is one statement, and so one snapshot.
extension PostgresConnection {
    /// In the order of the requests; nil for a chat that does not exist.
    fileprivate func fetch(
        _ requests: [LogTailRequest],
        _ newestMessages: NewestMessages
    ) throws(PostgresError) -> [LogTailAnswer?] {
        let result = try query(
            """
            SELECT tail.number, history.epoch, \(Chat.columns), chats.last_entry_at, \(Message.columns)
            FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::timestamptz[])
                WITH ORDINALITY AS tail (chat_id, size, known_epoch, known_seq, known_at, number)
            JOIN history ON history.id = 1
            JOIN chats ON chats.id = tail.chat_id AND chats.deleted_at IS NULL
            LEFT JOIN LATERAL (\(newestMessages.query)) AS messages ON true
            """,
            [
                .int64Array(requests.map(\.tail.chatID.rawValue)),
                .int64Array(requests.map { Int64($0.tail.limit) }),
                .textArray(requests.map(\.known?.epoch.text)),
                .int64Array(requests.map(\.known?.position.rawValue)),
                .timestampArray(requests.map(\.known?.instant.microsecondsSinceEpoch)),
            ]
        )
        var heads: [LogHead?] = Array(repeating: nil, count: requests.count)
        var messages: [[Message]] = Array(repeating: [], count: requests.count)
        for row in 0..<result.rowCount {
            let index = Int(try result.int64(0, row: row)) - 1
            guard requests.indices.contains(index) else { throw .unexpectedResult("there is no request \(index + 1)") }
            if heads[index] == nil {
                heads[index] = try result.head(columnsFrom: 2, row: row)
                messages[index].reserveCapacity(requests[index].tail.limit)
            }
            let first = 3 + Chat.columnCount
            if !result.isNull(first, row: row) {
                let chatID = requests[index].tail.chatID
                messages[index].append(try result.message(of: chatID, columnsFrom: first, row: row))
            }
        }
        if result.rowCount == 0 { return heads.map { _ in nil } }
        let epoch = try result.epoch(1)
        return requests.indices.map { index in
            guard let head = heads[index] else { return nil }
            let end = head.end(in: epoch)
            if end == requests[index].known { return .unchanged }
            // The order within a join is not promised.
            let ordered = messages[index].sorted { $0.position < $1.position }
            return .read(ChatWithMessages(chat: head.chat, messages: ordered), end: end)
        }
    }

    fileprivate func fetchChats(withIDs ids: [ChatID]) throws(PostgresError) -> ChatSnapshot {
        let result = try query(
            """
            SELECT history.epoch, \(Chat.columns), last_entry_at
            FROM history LEFT JOIN chats ON chats.id = ANY ($1::bigint[]) AND chats.deleted_at IS NULL
            WHERE history.id = 1
            """,
            [.int64Array(ids.map(\.rawValue))]
        )
        var heads: [LogHead] = []
        for row in 0..<result.rowCount where !result.isNull(1, row: row) {
            heads.append(try result.head(columnsFrom: 1, row: row))
        }
        return ChatSnapshot(heads: heads, epoch: try result.epoch(0))
    }

    fileprivate func fetchChats(_ query: ChatListQuery) throws(PostgresError) -> ChatList {
        // As `caseFolded` does it: the collation knows the case of every script, whatever the database's own does. The index
        // has only the minutes, which are never later than the instants.
        let result = try self.query(
            """
            SELECT history.epoch, \(Chat.columns), chats.last_entry_at
            FROM history LEFT JOIN (
                SELECT \(Chat.columns), last_entry_at FROM chats
                WHERE deleted_at IS NULL AND last_entry_minute <= $1 AND (last_entry_at, id) < ($1, $2)
                    AND ($3::text IS NULL OR position($3 IN normalize(upper(lower(normalize(title) COLLATE "und-x-icu")))) > 0)
                ORDER BY last_entry_minute DESC, last_entry_at DESC, id DESC LIMIT $4
            ) AS chats ON true
            WHERE history.id = 1
            """,
            [
                .instant(query.cursor.lastEntryAt), .int64(query.cursor.id.rawValue),
                .text(query.titlePart?.caseFolded),
                .int64(Int64(query.limit) + 1),
            ]
        )
        let epoch = try result.epoch(0)
        var heads: [LogHead] = []
        for row in 0..<result.rowCount where !result.isNull(1, row: row) {
            heads.append(try result.head(columnsFrom: 1, row: row))
        }
        // The order within a join is not promised.
        heads.sort { ($0.instant, $0.chat.id.rawValue) > ($1.instant, $1.chat.id.rawValue) }
        let page = heads.prefix(query.limit)
        let last = heads.count > query.limit ? page.last : nil
        let next = last.map { ChatListQuery.Cursor(lastEntryAt: $0.instant, id: $0.chat.id) }
        return ChatList(chats: page.map(\.chat), next: next, epoch: epoch)
    }

    /// Nil if there is no such chat, and nil within if it has no such message.
    fileprivate func fetchMessage(_ id: MessageID, in chat: ChatID) throws(PostgresError) -> Message?? {
        let result = try query(
            """
            SELECT \(Message.columns)
            FROM chats LEFT JOIN messages ON messages.chat_id = chats.id AND messages.id = $2
            WHERE chats.id = $1 AND chats.deleted_at IS NULL
            """,
            [.int64(chat.rawValue), .int64(id.rawValue)]
        )
        guard result.rowCount > 0 else { return nil }
        return .some(result.isNull(0, row: 0) ? nil : try result.message(of: chat, columnsFrom: 0, row: 0))
    }

    /// Nil if there is no such chat.
    fileprivate func fetchPage(_ query: MessagePageQuery) throws(PostgresError) -> MessagePage? {
        let result = try self.query(
            """
            SELECT \(Chat.columns), \(Epoch.column), part, \(Message.columns)
            FROM chats LEFT JOIN LATERAL (
                (
                    SELECT 0::bigint AS part, \(Message.columnNames) FROM messages
                    WHERE chat_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3
                )
                UNION ALL
                (
                    SELECT 1::bigint, \(Message.columnNames) FROM messages
                    WHERE chat_id = $1 AND seq >= $2 ORDER BY seq LIMIT $4
                )
            ) AS messages ON true
            WHERE chats.id = $1 AND chats.deleted_at IS NULL
            """,
            [
                .int64(query.chatID.rawValue), .int64(query.pivot?.rawValue ?? .max),
                .int64(Int64(query.olderLimit) + 1), .int64(Int64(query.newerLimit) + 1),
            ]
        )
        guard result.rowCount > 0 else { return nil }
        var older: [Message] = []
        var newer: [Message] = []
        let part = Chat.columnCount + 1
        for row in 0..<result.rowCount where !result.isNull(part, row: row) {
            let message = try result.message(of: query.chatID, columnsFrom: part + 1, row: row)
            if try result.int64(part, row: row) == 0 {
                older.append(message)
            } else {
                newer.append(message)
            }
        }
        return MessagePage(
            query,
            older: older.sorted { $0.position > $1.position },
            newer: newer.sorted { $0.position < $1.position },
            lastPosition: try result.chat(row: 0).lastPosition,
            epoch: try result.epoch(Chat.columnCount)
        )
    }

    /// Nil if there is no such chat.
    fileprivate func fetchLog(
        of chatID: ChatID,
        after position: Position,
        limit: Int
    ) throws(PostgresError) -> LogPage? {
        let result = try query(
            """
            SELECT \(Chat.columns), \(Epoch.column), entry.seq, entry.kind, entry.created_at, \(Message.columns)
            FROM chats
            LEFT JOIN LATERAL (
                (
                    SELECT seq, NULL AS kind, created_at, id AS message_id FROM messages
                    WHERE chat_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
                )
                UNION ALL
                (
                    SELECT seq, kind, created_at, message_id FROM changes
                    WHERE chat_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
                )
            ) AS entry ON true
            LEFT JOIN messages ON messages.chat_id = $1 AND messages.id = entry.message_id
            WHERE chats.id = $1 AND chats.deleted_at IS NULL
            """,
            [.int64(chatID.rawValue), .int64(position.rawValue), .int64(Int64(limit))]
        )
        guard result.rowCount > 0 else { return nil }
        let chat = try result.chat(row: 0)
        var created: [LogEntry] = []
        var changed: [LogEntry] = []
        let first = Chat.columnCount + 1
        for row in 0..<result.rowCount where !result.isNull(first, row: row) {
            let hasMessage = !result.isNull(first + 3, row: row)
            let message = hasMessage ? try result.message(of: chatID, columnsFrom: first + 3, row: row) : nil
            if result.isNull(first + 1, row: row), let message {
                created.append(LogEntry(created: message))
                continue
            }
            let position = Position(rawValue: try result.int64(first, row: row))
            let kind = try result.text(first + 1, row: row)
            let instant = try result.instant(first + 2, row: row)
            do throws(StoreError) {
                changed.append(
                    try LogEntry(position: position, kind: kind, instant: instant, of: chat, message: message)
                )
            } catch {
                throw .unexpectedResult(error.reason)
            }
        }
        return LogPage(
            merging: created,
            changed,
            limit: limit,
            lastPosition: chat.lastPosition,
            epoch: try result.epoch(Chat.columnCount)
        )
    }
}
