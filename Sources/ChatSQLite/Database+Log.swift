import ChatDomain
import GRDB

/// The statements of the logs. Each runs inside the transaction of its caller.
extension Database {
    /// Appends a batch of messages.
    ///
    /// SQLite's writer is alone: what is read here holds until the commit.
    func append(_ drafts: [MessageDraft], at now: Instant) throws -> [Result<Accepted<Message>, StoreError>] {
        var heads: [ChatID: LogHead] = [:]
        var sent: [AppendPlan.SentKey: AppendPlan.SentMessage] = [:]
        for draft in drafts {
            if heads[draft.chatID] == nil {
                heads[draft.chatID] = try fetchHead(of: draft.chatID)
            }
            if let key = draft.idempotency?.key {
                sent[AppendPlan.SentKey(chatID: draft.chatID, key: key)] = try fetchMessage(
                    sentTo: draft.chatID,
                    under: key
                )
            }
        }
        let plan = AppendPlan(drafts, heads: heads, sent: sent, at: now)
        let ids = try takeMessageIDs(plan.appends.count)
        for (append, id) in zip(plan.appends, ids) {
            try insert(append, id)
        }
        for (chat, head) in plan.movedHeads {
            try moveHead(of: chat, to: head)
        }
        return plan.results(ids: ids)
    }

    private func fetchHead(of chat: ChatID) throws -> LogHead? {
        let statement = try cachedStatement(sql: "SELECT last_seq, last_entry_at FROM chats WHERE id = ?")
        return try Row.fetchOne(statement, arguments: [chat.rawValue]).map { row in
            LogHead(position: Position(rawValue: row[0]), instant: Instant(microsecondsSinceEpoch: row[1]))
        }
    }

    private func fetchMessage(sentTo chat: ChatID, under key: IdempotencyKey) throws -> AppendPlan.SentMessage? {
        let statement = try cachedStatement(
            sql: """
                SELECT seq, id, text, created_at, idempotency_fingerprint FROM messages
                WHERE chat_id = ? AND idempotency_key = ?
                """
        )
        return try Row.fetchOne(statement, arguments: [chat.rawValue, key.value]).map { row in
            AppendPlan.SentMessage(message: Message(of: chat, row), fingerprint: row[4])
        }
    }

    private func takeMessageIDs(_ count: Int) throws -> [MessageID] {
        if count == 0 { return [] }
        let statement = try cachedStatement(
            sql: "UPDATE counters SET value = value + ? WHERE name = 'message_id' RETURNING value"
        )
        guard let last = try Int64.fetchOne(statement, arguments: [count]) else {
            throw StoreError.failed(reason: "the counter of message ids is missing")
        }
        return (last - Int64(count) + 1...last).map(MessageID.init(rawValue:))
    }

    private func insert(_ append: AppendPlan.Append, _ id: MessageID) throws {
        let statement = try cachedStatement(
            sql: """
                INSERT INTO messages (chat_id, seq, id, text, created_at, idempotency_key, idempotency_fingerprint)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
        )
        try statement.execute(
            arguments: [
                append.chatID.rawValue, append.position.rawValue, id.rawValue, append.text,
                append.createdAt.microsecondsSinceEpoch, append.idempotency?.key.value, append.idempotency?.fingerprint,
            ]
        )
    }

    private func moveHead(of chat: ChatID, to head: LogHead) throws {
        let statement = try cachedStatement(sql: "UPDATE chats SET last_seq = ?, last_entry_at = ? WHERE id = ?")
        try statement.execute(
            arguments: [head.position.rawValue, head.instant.microsecondsSinceEpoch, chat.rawValue]
        )
    }

    /// A chat and the end of its log; nil if there is no such chat.
    func fetch(_ request: LogTailRequest) throws -> LogTailAnswer? {
        let tail = request.tail
        let statement = try cachedStatement(sql: "SELECT last_seq, title, created_at FROM chats WHERE id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [tail.chatID.rawValue]) else { return nil }
        let position = Position(rawValue: row[0])
        if position == request.known { return .unchanged }
        let chat = Chat(id: tail.chatID, title: row[1], createdAt: Instant(microsecondsSinceEpoch: row[2]))
        return .read(ChatWithMessages(chat: chat, position: position, messages: try fetchNewestMessages(tail)))
    }

    private func fetchNewestMessages(_ tail: LogTail) throws -> [Message] {
        let statement = try cachedStatement(
            sql: "SELECT seq, id, text, created_at FROM messages WHERE chat_id = ? ORDER BY seq DESC LIMIT ?"
        )
        var messages: [Message] = []
        messages.reserveCapacity(tail.limit)
        let rows = try Row.fetchCursor(statement, arguments: [tail.chatID.rawValue, tail.limit])
        while let row = try rows.next() {
            messages.append(Message(of: tail.chatID, row))
        }
        messages.reverse()
        return messages
    }
}

extension Message {
    /// From the columns position, id, text, instant.
    fileprivate init(of chat: ChatID, _ row: Row) {
        self.init(
            id: MessageID(rawValue: row[1]),
            chatID: chat,
            position: Position(rawValue: row[0]),
            text: row[2],
            createdAt: Instant(microsecondsSinceEpoch: row[3])
        )
    }
}
