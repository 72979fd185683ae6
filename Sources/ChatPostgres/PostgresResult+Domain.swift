import ChatDomain
import PostgresClient

extension PostgresValue {
    static func instant(_ instant: Instant?) -> PostgresValue {
        .timestamp(microsecondsSinceEpoch: instant?.microsecondsSinceEpoch)
    }
}

extension Epoch {
    /// Selects the epoch in the same statement as positions, so that both come from one snapshot: a session may outlive
    /// an epoch.
    static let column = "(SELECT epoch FROM history WHERE id = 1) AS epoch"
}

extension PostgresResult {
    /// The epoch, read from the first row: it is the same in all.
    borrowing func epoch() throws(PostgresError) -> Epoch {
        guard rowCount > 0, let epoch = Epoch(try text(column("epoch"), row: 0)) else {
            throw .unexpectedResult("the database's history has no epoch: run chat-api epoch renew")
        }
        return epoch
    }

    borrowing func instant(_ column: Int, row: Int) throws(PostgresError) -> Instant {
        Instant(microsecondsSinceEpoch: try microsecondsSinceEpoch(column, row: row))
    }

    borrowing func optionalInstant(_ column: Int, row: Int) throws(PostgresError) -> Instant? {
        isNull(column, row: row) ? nil : try instant(column, row: row)
    }

    borrowing func optionalText(_ column: Int, row: Int) throws(PostgresError) -> String? {
        isNull(column, row: row) ? nil : try text(column, row: row)
    }

    borrowing func optionalMessageID(_ column: Int, row: Int) throws(PostgresError) -> MessageID? {
        isNull(column, row: row) ? nil : MessageID(rawValue: try int64(column, row: row))
    }

    /// Reads a metadata column; nil for NULL.
    ///
    /// A constraint on the column limits its length.
    borrowing func metadata(_ column: Int, row: Int) throws(PostgresError) -> Metadata? {
        isNull(column, row: row) ? nil : Metadata(json: try text(column, row: row))
    }

    borrowing func key(_ column: Int, row: Int) throws(PostgresError) -> IdempotencyKey {
        IdempotencyKey(stored: try text(column, row: row))
    }

    borrowing func optionalKey(_ column: Int, row: Int) throws(PostgresError) -> IdempotencyKey? {
        isNull(column, row: row) ? nil : try key(column, row: row)
    }

    /// The ids of chats, in ascending order.
    borrowing func chatIDs() throws(PostgresError) -> [ChatID] {
        let id = try column("id")
        var ids: [Int64] = []
        for row in 0..<rowCount {
            ids.append(try int64(id, row: row))
        }
        return ids.sorted().map(ChatID.init(rawValue:))
    }
}
