import ChatDomain
import GRDB

/// The statements that delete chats. Each runs inside the transaction of its caller.
extension Database {
    /// How many entries are removed in one transaction, so that other writers wait for some milliseconds at the most.
    private static let purgeSize: Int64 = 2_000

    /// Removes a small chat, and hides a large one from every reader until it is purged.
    func deleteChat(_ id: ChatID, at now: Instant) throws {
        guard let chat = try fetchChat(id) else { throw StoreError.chatNotFound }
        if chat.lastPosition.rawValue <= Self.purgeSize {
            try cachedStatement(sql: "DELETE FROM chats WHERE id = ?").execute(arguments: [id.rawValue])
        } else {
            try cachedStatement(sql: "UPDATE chats SET deleted_at = ?, title = '-', metadata = NULL WHERE id = ?")
                .execute(arguments: [now.microsecondsSinceEpoch, id.rawValue])
            try cachedStatement(sql: "DELETE FROM chat_idempotency_keys WHERE chat_id = ?")
                .execute(arguments: [id.rawValue])
        }
    }

    /// - Returns: Whether there is more to purge.
    func purgeDeletedChats() throws -> Bool {
        let statement = try cachedStatement(
            sql: "SELECT id FROM chats WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1"
        )
        guard let chat = try Int64.fetchOne(statement) else { return false }
        for table in ["messages", "changes"] {
            let first = try Int64.fetchOne(
                try cachedStatement(sql: "SELECT min(seq) FROM \(table) WHERE chat_id = ?"),
                arguments: [chat]
            )
            if let first {
                try cachedStatement(sql: "DELETE FROM \(table) WHERE chat_id = ? AND seq < ?")
                    .execute(arguments: [chat, first + Self.purgeSize])
                return true
            }
        }
        try cachedStatement(sql: "DELETE FROM chats WHERE id = ?").execute(arguments: [chat])
        return true
    }
}
