import ChatDomain
import GRDB

/// The statements that read; each runs inside its caller's snapshot.
extension Database {
    func fetchChats(_ query: ChatListQuery) throws -> ChatList {
        // The cross join makes SQLite look up the listed chats, rather than search all chats for them.
        let source =
            query.scope.map { "(\(Self.ids(in: $0))) AS listed CROSS JOIN chats USING (id)" } ?? "chats"
        let statement = try cachedStatement(
            sql: """
                SELECT \(HeadColumns.list) FROM \(source)
                WHERE deleted_at IS NULL AND (last_entry_at, chats.id) < (?, ?)
                    AND (? IS NULL OR instr(case_folded(title), ?))
                ORDER BY last_entry_at DESC, chats.id DESC LIMIT ?
                """
        )
        let part = query.titlePart?.caseFolded
        let columns = try HeadColumns(statement)
        let listed = query.scope.map { Array($0.chatIDs).json }
        let rows = try Row.fetchCursor(
            statement,
            arguments: StatementArguments([listed, query.scope?.member?.value].compactMap(\.self)) + [
                query.cursor.lastEntryAt.microsecondsSinceEpoch, query.cursor.id.rawValue, part, part, query.limit + 1,
            ]
        )
        let found = try Array(rows.map { columns.head($0) })
        let heads = found.prefix(query.limit)
        let last = found.count > query.limit ? heads.last : nil
        let next = last.map { ChatListQuery.Cursor(lastEntryAt: $0.instant, id: $0.chat.id) }
        let ids = heads.map(\.chat.id)
        return ChatList(
            chats: heads.map(\.chat),
            readStates: try query.reader.map { try fetchReadStates(of: $0, in: ids) } ?? [:],
            lastMessages: query.reader == nil ? [:] : try fetchLastMessages(of: ids),
            next: next,
            epoch: try fetchEpoch()
        )
    }

    /// Returns the newest message of each chat that is not deleted.
    ///
    /// If the newest one is deleted, it ends a run of deleted messages and knows where the run begins.
    func fetchLastMessages(of chats: [ChatID]) throws -> [ChatID: Message] {
        let statement = try cachedStatement(
            sql: """
                SELECT messages.chat_id, \(MessageColumns.list) FROM json_each(?) AS listed CROSS JOIN messages
                WHERE messages.chat_id = listed.value AND messages.seq = (
                    SELECT seq FROM messages WHERE chat_id = listed.value AND deleted_at IS NULL AND seq < (
                        SELECT iif(deleted_at IS NULL, seq + 1, coalesce(run_seq, seq))
                        FROM messages WHERE chat_id = listed.value ORDER BY seq DESC LIMIT 1
                    )
                    ORDER BY seq DESC LIMIT 1
                )
                """
        )
        let columns = try MessageColumns(statement)
        var messages: [ChatID: Message] = [:]
        let rows = try Row.fetchCursor(statement, arguments: [chats.json])
        while let row = try rows.next() {
            let chat = ChatID(rawValue: row[0])
            messages[chat] = columns.message(row, of: chat)
        }
        return messages
    }

    /// A query for the ids of a scope, with a parameter for the chats and one for the member if there is one.
    private static func ids(in scope: ChatListQuery.Scope) -> String {
        let chats = "SELECT value AS id FROM json_each(?)"
        if scope.member == nil { return chats }
        return chats + " UNION SELECT chat_id FROM members WHERE user_id = ? AND left_seq IS NULL"
    }

    /// Reads the latest messages of several chats, in the order of the reads.
    func fetch(_ reads: [LatestMessagesRead]) throws -> [Result<LatestMessages?, StoreError>] {
        // Concurrent requests are often identical.
        var shared: [LatestMessagesRequest: (chat: Chat, latest: LatestMessages?)] = [:]
        let epoch = try fetchEpoch()
        return try reads.map { read in
            guard let (chat, latest) = try shared[read.request] ?? fetch(read.request, in: epoch) else {
                return .failure(.chatNotFound)
            }
            shared[read.request] = (chat, latest)
            return read.result(.success(latest), role: try fetchRole(of: read.caller, in: chat))
        }
    }

    /// Returns nil if the chat does not exist, and no messages if its log is unchanged.
    private func fetch(
        _ request: LatestMessagesRequest,
        in epoch: Epoch
    ) throws -> (chat: Chat, latest: LatestMessages?)? {
        guard let head = try fetchHead(of: request.query.chatID) else { return nil }
        let end = head.end(in: epoch)
        let chat = head.chat
        if end == request.known { return (chat, nil) }
        let messages = try fetchNewestMessages(request.query.limit, of: chat.id)
        return (chat, LatestMessages(chat: ChatWithMessages(chat: chat, messages: messages.reversed()), end: end))
    }

    /// Reads the latest messages that are not deleted, newest first.
    ///
    /// It skips runs of deleted messages. There is at most one more run than messages returned, so the time does not
    /// depend on the runs' length.
    private func fetchNewestMessages(_ limit: Int, of chat: ChatID) throws -> [Message] {
        // Reading on costs less than skipping so few.
        let shortestLeap: Int64 = 32
        let statement = try cachedStatement(
            sql: "SELECT \(MessageColumns.list), run_seq FROM messages WHERE chat_id = ? AND seq < ? ORDER BY seq DESC"
        )
        let columns = try MessageColumns(statement)
        let runStartColumn = try statement.column("run_seq")
        var messages: [Message] = []
        var end: Int64? = .max
        while let bound = end {
            end = nil
            let rows = try Row.fetchCursor(statement, arguments: [chat.rawValue, bound])
            while messages.count < limit, end == nil, let row = try rows.next() {
                let message = columns.message(row, of: chat)
                let runStart: Int64? = row[runStartColumn]
                if !message.isDeleted {
                    messages.append(message)
                } else if let runStart, runStart + shortestLeap < message.position.rawValue {
                    end = runStart
                }
            }
        }
        return messages
    }

    func fetchMessage(_ id: MessageID, in chat: ChatID) throws -> Message? {
        try fetchMessages("chat_id = ? AND id = ?", of: chat, [chat.rawValue, id.rawValue]).first
    }

    func fetchPage(_ query: MessagePageQuery, of chat: Chat) throws -> MessagePage {
        let pivot = query.pivot?.rawValue ?? .max
        let older = try fetchMessages(
            "chat_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
            of: chat.id,
            [chat.id.rawValue, pivot, query.olderLimit + 1]
        )
        let newer = try fetchMessages(
            "chat_id = ? AND seq >= ? ORDER BY seq LIMIT ?",
            of: chat.id,
            [chat.id.rawValue, pivot, query.newerLimit + 1]
        )
        return MessagePage(
            query,
            older: older,
            newer: newer,
            lastPosition: chat.lastPosition,
            epoch: try fetchEpoch()
        )
    }

    func fetchLog(of chat: Chat, after position: Position, limit: Int) throws -> LogPage {
        let created = try fetchMessages(
            "chat_id = ? AND seq > ? ORDER BY seq LIMIT ?",
            of: chat.id,
            [chat.id.rawValue, position.rawValue, limit]
        ).map(LogEntry.init(created:))
        let statement = try cachedStatement(
            sql: """
                SELECT \(RecordColumns.list), \(MessageColumns.list)
                FROM changes
                LEFT JOIN messages ON messages.chat_id = changes.chat_id AND messages.id = changes.message_id
                WHERE changes.chat_id = ? AND changes.seq > ? ORDER BY changes.seq LIMIT ?
                """
        )
        let records = try RecordColumns(statement)
        let messages = try MessageColumns(statement)
        let rows = try Row.fetchCursor(statement, arguments: [chat.id.rawValue, position.rawValue, limit])
        let changed = rows.map { row in
            try LogEntry(
                records.record(row, of: chat.id),
                in: chat,
                message: messages.optionalMessage(row, of: chat.id)
            )
        }
        return LogPage(
            merging: created,
            try Array(changed),
            limit: limit,
            lastPosition: chat.lastPosition,
            epoch: try fetchEpoch()
        )
    }

    private func fetchMessages(
        _ condition: String,
        of chat: ChatID,
        _ arguments: StatementArguments
    ) throws -> [Message] {
        let statement = try cachedStatement(sql: "SELECT \(MessageColumns.list) FROM messages WHERE \(condition)")
        let columns = try MessageColumns(statement)
        return try Array(Row.fetchCursor(statement, arguments: arguments).map { columns.message($0, of: chat) })
    }
}
