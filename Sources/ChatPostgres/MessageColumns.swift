import ChatDomain
import PostgresClient

/// The column indexes of a message.
struct MessageColumns {
    private static let columns = [
        "seq", "id", "author", "text", "created_at", "metadata", "reply_to", "idempotency_key", "revision", "edited_at",
        "deleted_at", "state", "reason", "ttl", "expires_at", "writer_epoch", "cancelled_at",
    ]
    /// For a subquery aliased as `messages`.
    static let names = columns.joined(separator: ", ")
    static let list = columns.map { "messages.\($0)" }.joined(separator: ", ")

    private let position, id, author, text, createdAt, metadata, replyTo, key, revision, editedAt, deletedAt: Int
    private let state, reason, ttl, expiresAt, writerEpoch, cancelledAt: Int

    init(_ result: borrowing PostgresResult) throws(PostgresError) {
        position = try result.column("seq")
        id = try result.column("id")
        author = try result.column("author")
        text = try result.column("text")
        createdAt = try result.column("created_at")
        metadata = try result.column("metadata")
        replyTo = try result.column("reply_to")
        key = try result.column("idempotency_key")
        revision = try result.column("revision")
        editedAt = try result.column("edited_at")
        deletedAt = try result.column("deleted_at")
        state = try result.column("state")
        reason = try result.column("reason")
        ttl = try result.column("ttl")
        expiresAt = try result.column("expires_at")
        writerEpoch = try result.column("writer_epoch")
        cancelledAt = try result.column("cancelled_at")
    }

    func message(
        _ result: borrowing PostgresResult,
        row: Int,
        of chat: ChatID
    ) throws(PostgresError) -> Message {
        Message(
            id: MessageID(rawValue: try result.int64(id, row: row)),
            chatID: chat,
            position: Position(rawValue: try result.int64(position, row: row)),
            author: UserID(stored: try result.text(author, row: row)),
            text: try result.text(text, row: row),
            metadata: try result.metadata(metadata, row: row),
            replyTo: try result.optionalMessageID(replyTo, row: row),
            idempotencyKey: try result.optionalKey(key, row: row),
            createdAt: try result.instant(createdAt, row: row),
            revision: try result.int64(revision, row: row),
            editedAt: try result.optionalInstant(editedAt, row: row),
            deletedAt: try result.optionalInstant(deletedAt, row: row),
            stream: try stream(result, row: row)
        )
    }

    private func stream(_ result: borrowing PostgresResult, row: Int) throws(PostgresError) -> MessageStream? {
        if result.isNull(state, row: row) { return nil }
        var writer: StreamWriter?
        if !result.isNull(ttl, row: row) {
            writer = StreamWriter(
                ttl: MessageTTL(seconds: try result.int64(ttl, row: row)),
                expiresAt: try result.instant(expiresAt, row: row),
                epoch: try result.int64(writerEpoch, row: row),
                cancelledAt: try result.optionalInstant(cancelledAt, row: row)
            )
        }
        let reason = result.isNull(reason, row: row) ? nil : try result.text(reason, row: row)
        return MessageStream(stored: try result.text(state, row: row), reason: reason, writer: writer)
    }

    /// Returns nil if an outer join found no message.
    func optionalMessage(
        _ result: borrowing PostgresResult,
        row: Int,
        of chat: ChatID
    ) throws(PostgresError) -> Message? {
        result.isNull(id, row: row) ? nil : try message(result, row: row, of: chat)
    }
}
