import ChatDomain
import PostgresClient

/// The column indexes of a log record.
struct RecordColumns {
    private static let columns = ["seq", "kind", "author", "message_id", "payload", "created_at"]
    /// For a subquery aliased as `entry`.
    static let names = columns.joined(separator: ", ")
    static let list = columns.map { "entry.\($0) AS entry_\($0)" }.joined(separator: ", ")

    let position: Int
    private let kind, author, messageID, payload, instant: Int

    init(_ result: borrowing PostgresResult) throws(PostgresError) {
        position = try result.column("entry_seq")
        kind = try result.column("entry_kind")
        author = try result.column("entry_author")
        messageID = try result.column("entry_message_id")
        payload = try result.column("entry_payload")
        instant = try result.column("entry_created_at")
    }

    /// Reads a record; nil for a message, whose row has no kind.
    func record(_ result: borrowing PostgresResult, row: Int, of chat: ChatID) throws(PostgresError) -> LogRecord? {
        if result.isNull(kind, row: row) { return nil }
        let position = Position(rawValue: try result.int64(position, row: row))
        let kind = try result.text(kind, row: row)
        let author = UserID(stored: try result.text(author, row: row))
        let instant = try result.instant(instant, row: row)
        let messageID = try result.optionalMessageID(messageID, row: row)
        let payload = try result.metadata(payload, row: row)
        do throws(StoreError) {
            return try LogRecord(
                chatID: chat,
                position: position,
                storedKind: kind,
                author: author,
                instant: instant,
                messageID: messageID,
                payload: payload
            )
        } catch {
            throw .unexpectedResult(error.reason)
        }
    }
}
