import ChatDomain
import PostgresClient

extension PostgresValue {
    static func instant(_ instant: Instant) -> PostgresValue {
        .timestamp(microsecondsSinceEpoch: instant.microsecondsSinceEpoch)
    }
}

extension PostgresResult {
    borrowing func instant(_ column: Int, row: Int) throws(PostgresError) -> Instant {
        Instant(microsecondsSinceEpoch: try microsecondsSinceEpoch(column, row: row))
    }

    /// A message from four columns: position, id, text, instant.
    borrowing func message(
        of chat: ChatID,
        columnsFrom first: Int,
        row: Int
    ) throws(PostgresError) -> Message {
        Message(
            id: MessageID(rawValue: try int64(first + 1, row: row)),
            chatID: chat,
            position: Position(rawValue: try int64(first, row: row)),
            text: try text(first + 2, row: row),
            createdAt: try instant(first + 3, row: row)
        )
    }
}
