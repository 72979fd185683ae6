import ChatDomain
import GRDB

/// The column indexes of a log record.
struct RecordColumns {
    static let list = """
        changes.seq AS entry_seq, kind, changes.author AS entry_author, message_id, payload, \
        changes.created_at AS entry_at
        """

    private let position, kind, author, messageID, payload, instant: Int

    init(_ statement: Statement) throws {
        position = try statement.column("entry_seq")
        kind = try statement.column("kind")
        author = try statement.column("entry_author")
        messageID = try statement.column("message_id")
        payload = try statement.column("payload")
        instant = try statement.column("entry_at")
    }

    func record(_ row: Row, of chat: ChatID) throws(StoreError) -> LogRecord {
        try LogRecord(
            chatID: chat,
            position: Position(rawValue: row[position]),
            storedKind: row[kind],
            author: UserID(stored: row[author]),
            instant: Instant(microsecondsSinceEpoch: row[instant]),
            messageID: MessageID(stored: row[messageID]),
            payload: Metadata(stored: row[payload])
        )
    }
}
