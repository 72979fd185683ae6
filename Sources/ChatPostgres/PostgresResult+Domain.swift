import ChatDomain
import PostgresClient

extension PostgresValue {
    static func instant(_ instant: Instant) -> PostgresValue {
        .timestamp(microsecondsSinceEpoch: instant.microsecondsSinceEpoch)
    }
}

extension Chat {
    /// The columns of `chats` that make a chat, in the order of `PostgresResult.chat`.
    static let columns = """
        chats.id, chats.title, chats.metadata, chats.created_at, chats.last_seq, chats.last_message_at, \
        chats.message_count
        """
    static let columnCount = 7
}

extension Message {
    /// The columns of `messages` that make a message, in the order of `PostgresResult.message`.
    static let columns = """
        messages.seq, messages.id, messages.text, messages.created_at, messages.metadata, messages.reply_to, \
        messages.revision, messages.edited_at, messages.deleted_at
        """
    /// The same without the table's name.
    static let columnNames = "seq, id, text, created_at, metadata, reply_to, revision, edited_at, deleted_at"
    static let columnCount = 9
}

extension Epoch {
    /// In a statement that reads positions, so that both are of one snapshot: a session may outlive an epoch.
    static let column = "(SELECT epoch FROM history WHERE id = 1)"
}

extension PostgresResult {
    borrowing func epoch(_ column: Int, row: Int = 0) throws(PostgresError) -> Epoch {
        guard row < rowCount, let epoch = Epoch(try text(column, row: row)) else {
            throw .unexpectedResult("the database's history has no epoch: chat-api epoch renew gives it one")
        }
        return epoch
    }

    borrowing func instant(_ column: Int, row: Int) throws(PostgresError) -> Instant {
        Instant(microsecondsSinceEpoch: try microsecondsSinceEpoch(column, row: row))
    }

    borrowing func chat(columnsFrom first: Int = 0, row: Int) throws(PostgresError) -> Chat {
        Chat(
            id: ChatID(rawValue: try int64(first, row: row)),
            title: try text(first + 1, row: row),
            metadata: try metadata(first + 2, row: row),
            createdAt: try instant(first + 3, row: row),
            lastPosition: Position(rawValue: try int64(first + 4, row: row)),
            lastMessageAt: try optionalInstant(first + 5, row: row),
            messageCount: try int64(first + 6, row: row)
        )
    }

    /// A chat and, in the column behind it, the instant of its newest entry.
    borrowing func head(columnsFrom first: Int = 0, row: Int) throws(PostgresError) -> LogHead {
        LogHead(
            chat: try chat(columnsFrom: first, row: row),
            instant: try instant(first + Chat.columnCount, row: row)
        )
    }

    borrowing func message(
        of chat: ChatID,
        columnsFrom first: Int = 0,
        row: Int
    ) throws(PostgresError) -> Message {
        Message(
            id: MessageID(rawValue: try int64(first + 1, row: row)),
            chatID: chat,
            position: Position(rawValue: try int64(first, row: row)),
            text: try text(first + 2, row: row),
            metadata: try metadata(first + 4, row: row),
            replyTo: isNull(first + 5, row: row) ? nil : MessageID(rawValue: try int64(first + 5, row: row)),
            createdAt: try instant(first + 3, row: row),
            revision: try int64(first + 6, row: row),
            editedAt: try optionalInstant(first + 7, row: row),
            deletedAt: try optionalInstant(first + 8, row: row)
        )
    }

    private borrowing func optionalInstant(_ column: Int, row: Int) throws(PostgresError) -> Instant? {
        isNull(column, row: row) ? nil : try instant(column, row: row)
    }

    /// The column's constraint holds the length.
    private borrowing func metadata(_ column: Int, row: Int) throws(PostgresError) -> Metadata? {
        isNull(column, row: row) ? nil : Metadata(json: try text(column, row: row))
    }
}
