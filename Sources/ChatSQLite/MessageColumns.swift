import ChatDomain
import GRDB

/// The column indexes of a message.
struct MessageColumns {
    static let list = """
        messages.seq, messages.id, messages.author, text, messages.created_at, messages.metadata, reply_to, \
        messages.idempotency_key, revision, edited_at, messages.deleted_at, state, reason, ttl, expires_at, \
        writer_epoch, cancelled_at
        """

    private let position, id, author, text, createdAt, metadata, replyTo, key, revision, editedAt, deletedAt: Int
    private let state, reason, ttl, expiresAt, writerEpoch, cancelledAt: Int

    init(_ statement: Statement) throws {
        position = try statement.column("seq")
        id = try statement.column("id")
        author = try statement.column("author")
        text = try statement.column("text")
        createdAt = try statement.column("created_at")
        metadata = try statement.column("metadata")
        replyTo = try statement.column("reply_to")
        key = try statement.column("idempotency_key")
        revision = try statement.column("revision")
        editedAt = try statement.column("edited_at")
        deletedAt = try statement.column("deleted_at")
        state = try statement.column("state")
        reason = try statement.column("reason")
        ttl = try statement.column("ttl")
        expiresAt = try statement.column("expires_at")
        writerEpoch = try statement.column("writer_epoch")
        cancelledAt = try statement.column("cancelled_at")
    }

    func message(_ row: Row, of chat: ChatID) -> Message {
        Message(
            id: MessageID(rawValue: row[id]),
            chatID: chat,
            position: Position(rawValue: row[position]),
            author: UserID(stored: row[author]),
            text: row[text],
            metadata: Metadata(stored: row[metadata]),
            replyTo: MessageID(stored: row[replyTo]),
            idempotencyKey: IdempotencyKey(column: row[key]),
            createdAt: Instant(microsecondsSinceEpoch: row[createdAt]),
            revision: row[revision],
            editedAt: Instant(stored: row[editedAt]),
            deletedAt: Instant(stored: row[deletedAt]),
            stream: stream(row)
        )
    }

    private func stream(_ row: Row) -> MessageStream? {
        guard let state: String = row[state] else { return nil }
        return MessageStream(
            stored: state,
            reason: row[reason],
            writer: (row[ttl] as Int64?).map { ttl in
                StreamWriter(
                    ttl: MessageTTL(seconds: ttl),
                    expiresAt: Instant(microsecondsSinceEpoch: row[expiresAt]),
                    epoch: row[writerEpoch],
                    cancelledAt: Instant(stored: row[cancelledAt])
                )
            }
        )
    }

    /// Returns nil if an outer join found no message.
    func optionalMessage(_ row: Row, of chat: ChatID) -> Message? {
        row.hasNull(atIndex: id) ? nil : message(row, of: chat)
    }
}
