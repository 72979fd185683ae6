import ChatDomain
import GRDB

/// The statements of a chat's log. Each runs inside the transaction of its caller.
extension Database {
    /// Moves the chat's log on by one entry.
    ///
    /// SQLite's writer is alone, so the position is the caller's until the commit.
    func takeNextPosition(in chat: ChatID, at now: Instant) throws -> (position: Position, instant: Instant) {
        let statement = try cachedStatement(
            sql: """
                UPDATE chats SET last_seq = last_seq + 1, last_entry_at = max(last_entry_at, ?)
                WHERE id = ? RETURNING last_seq, last_entry_at
                """
        )
        guard
            let row = try Row.fetchOne(statement, arguments: [now.microsecondsSinceEpoch, chat.rawValue])
        else { throw StoreError.chatNotFound }
        return (Position(rawValue: row[0]), Instant(microsecondsSinceEpoch: row[1]))
    }

    func takeMessageID() throws -> MessageID {
        let statement = try cachedStatement(
            sql: "UPDATE counters SET value = value + 1 WHERE name = 'message_id' RETURNING value"
        )
        guard let id = try Int64.fetchOne(statement) else {
            throw StoreError.failed(reason: "the counter of message ids is missing")
        }
        return MessageID(rawValue: id)
    }

    func insert(_ message: Message) throws {
        let statement = try cachedStatement(
            sql: "INSERT INTO messages (chat_id, seq, id, text, created_at) VALUES (?, ?, ?, ?, ?)"
        )
        try statement.execute(
            arguments: [
                message.chatID.rawValue, message.position.rawValue, message.id.rawValue, message.text,
                message.createdAt.microsecondsSinceEpoch,
            ]
        )
    }

    func fetchChat(_ id: ChatID) throws -> Chat {
        let statement = try cachedStatement(sql: "SELECT title, created_at FROM chats WHERE id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [id.rawValue]) else {
            throw StoreError.chatNotFound
        }
        return Chat(id: id, title: row[0], createdAt: Instant(microsecondsSinceEpoch: row[1]))
    }

    /// The end of the log, oldest first.
    func fetchNewestMessages(_ limit: Int, of chat: ChatID) throws -> [Message] {
        let statement = try cachedStatement(
            sql: "SELECT seq, id, text, created_at FROM messages WHERE chat_id = ? ORDER BY seq DESC LIMIT ?"
        )
        var messages: [Message] = []
        messages.reserveCapacity(limit)
        let rows = try Row.fetchCursor(statement, arguments: [chat.rawValue, limit])
        while let row = try rows.next() {
            messages.append(
                Message(
                    id: MessageID(rawValue: row[1]),
                    chatID: chat,
                    position: Position(rawValue: row[0]),
                    text: row[2],
                    createdAt: Instant(microsecondsSinceEpoch: row[3])
                )
            )
        }
        messages.reverse()
        return messages
    }
}
