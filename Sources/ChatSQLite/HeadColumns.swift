import ChatDomain
import GRDB

/// The column indexes of a chat and the end of its log.
struct HeadColumns {
    static let list = """
        chats.id, title, chats.metadata, visibility, receipts, slow_mode, chats.created_at, last_seq, \
        last_message_at, message_count, last_entry_at
        """

    private let id, title, metadata, visibility, receipts, slowMode, createdAt: Int
    private let lastPosition, lastMessageAt, messageCount, lastEntryAt: Int

    init(_ statement: Statement) throws {
        id = try statement.column("id")
        title = try statement.column("title")
        metadata = try statement.column("metadata")
        visibility = try statement.column("visibility")
        receipts = try statement.column("receipts")
        slowMode = try statement.column("slow_mode")
        createdAt = try statement.column("created_at")
        lastPosition = try statement.column("last_seq")
        lastMessageAt = try statement.column("last_message_at")
        messageCount = try statement.column("message_count")
        lastEntryAt = try statement.column("last_entry_at")
    }

    func head(_ row: Row) -> LogHead {
        let chat = Chat(
            id: ChatID(rawValue: row[id]),
            title: row[title],
            metadata: Metadata(stored: row[metadata]),
            visibility: ChatVisibility(stored: row[visibility]),
            receipts: row[receipts],
            slowMode: SlowMode(seconds: row[slowMode]),
            createdAt: Instant(microsecondsSinceEpoch: row[createdAt]),
            lastPosition: Position(rawValue: row[lastPosition]),
            lastMessageAt: Instant(stored: row[lastMessageAt]),
            messageCount: row[messageCount]
        )
        return LogHead(chat: chat, instant: Instant(microsecondsSinceEpoch: row[lastEntryAt]))
    }
}
