import ChatDomain
import PostgresClient

/// The column indexes of a chat and the end of its log.
struct HeadColumns {
    static let list = [
        "id", "title", "metadata", "visibility", "receipts", "slow_mode", "created_at", "last_seq",
        "last_message_at", "message_count", "last_entry_at",
    ].map { "chats.\($0) AS chat_\($0)" }.joined(separator: ", ")

    let id: Int
    private let title, metadata, visibility, receipts, slowMode, createdAt: Int
    private let lastPosition, lastMessageAt, messageCount, lastEntryAt: Int

    init(_ result: borrowing PostgresResult) throws(PostgresError) {
        id = try result.column("chat_id")
        title = try result.column("chat_title")
        metadata = try result.column("chat_metadata")
        visibility = try result.column("chat_visibility")
        receipts = try result.column("chat_receipts")
        slowMode = try result.column("chat_slow_mode")
        createdAt = try result.column("chat_created_at")
        lastPosition = try result.column("chat_last_seq")
        lastMessageAt = try result.column("chat_last_message_at")
        messageCount = try result.column("chat_message_count")
        lastEntryAt = try result.column("chat_last_entry_at")
    }

    func head(_ result: borrowing PostgresResult, row: Int) throws(PostgresError) -> LogHead {
        let chat = Chat(
            id: ChatID(rawValue: try result.int64(id, row: row)),
            title: try result.text(title, row: row),
            metadata: try result.metadata(metadata, row: row),
            visibility: ChatVisibility(stored: try result.text(visibility, row: row)),
            receipts: try result.bool(receipts, row: row),
            slowMode: SlowMode(seconds: try result.int64(slowMode, row: row)),
            createdAt: try result.instant(createdAt, row: row),
            lastPosition: Position(rawValue: try result.int64(lastPosition, row: row)),
            lastMessageAt: try result.optionalInstant(lastMessageAt, row: row),
            messageCount: try result.int64(messageCount, row: row)
        )
        return LogHead(chat: chat, instant: try result.instant(lastEntryAt, row: row))
    }
}

extension PostgresResult {
    /// Reads the chat of each row.
    borrowing func heads() throws(PostgresError) -> [LogHead] {
        let columns = try HeadColumns(self)
        var heads: [LogHead] = []
        for row in 0..<rowCount {
            heads.append(try columns.head(self, row: row))
        }
        return heads
    }
}
