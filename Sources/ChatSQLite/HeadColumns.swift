import ChatDomain
import GRDB

extension Chat {
    /// The columns of `chats` that make a chat, in the order of `init(_:)`.
    static let columns = "chats.id, title, chats.metadata, chats.created_at, last_seq, last_message_at, message_count"

    init(_ row: Row) {
        self.init(
            id: ChatID(rawValue: row[0]),
            title: row[1],
            metadata: Metadata(stored: row[2]),
            createdAt: Instant(microsecondsSinceEpoch: row[3]),
            lastPosition: Position(rawValue: row[4]),
            lastMessageAt: Instant(stored: row[5]),
            messageCount: row[6]
        )
    }
}

extension LogHead {
    /// A chat and, in the column behind it, the instant of its newest entry.
    init(_ row: Row) {
        self.init(chat: Chat(row), instant: Instant(microsecondsSinceEpoch: row[7]))
    }
}

extension Message {
    /// The columns of `messages` that make a message, in the order of `init(of:_:columnsFrom:)`.
    static let columns = """
        messages.seq, messages.id, text, messages.created_at, messages.metadata, reply_to, revision, edited_at, \
        messages.deleted_at
        """
    static let columnCount = 9

    init(of chat: ChatID, _ row: Row, columnsFrom first: Int = 0) {
        let replyTo: Int64? = row[first + 5]
        self.init(
            id: MessageID(rawValue: row[first + 1]),
            chatID: chat,
            position: Position(rawValue: row[first]),
            text: row[first + 2],
            metadata: Metadata(stored: row[first + 4]),
            replyTo: replyTo.map(MessageID.init(rawValue:)),
            createdAt: Instant(microsecondsSinceEpoch: row[first + 3]),
            revision: row[first + 6],
            editedAt: Instant(stored: row[first + 7]),
            deletedAt: Instant(stored: row[first + 8])
        )
    }
}

extension Metadata {
    /// The column's constraint holds the length.
    fileprivate init?(stored json: String?) {
        guard let json else { return nil }
        self.init(json: json)
    }
}

extension Instant {
    fileprivate init?(stored microseconds: Int64?) {
        guard let microseconds else { return nil }
        self.init(microsecondsSinceEpoch: microseconds)
    }
}
