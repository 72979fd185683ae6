import ChatDomain
import GRDB

/// The statements that delete chats; each runs inside its caller's transaction.
extension Database {
    /// Removes a chat; foreign keys cascade to its messages, changes, members and idempotency keys.
    func remove(_ chat: ChatID) throws {
        try cachedStatement(sql: "DELETE FROM chats WHERE id = ?").execute(arguments: [chat.rawValue])
    }

    /// Hides a chat from every reader until it is purged.
    func hide(_ chat: ChatID, at now: Instant, _ activity: Int64) throws {
        try cachedStatement(
            sql: "UPDATE chats SET deleted_at = ?, title = '-', metadata = NULL, activity = ? WHERE id = ?"
        ).execute(arguments: [now.microsecondsSinceEpoch, activity, chat.rawValue])
        try cachedStatement(sql: "DELETE FROM chat_idempotency_keys WHERE chat_id = ?")
            .execute(arguments: [chat.rawValue])
    }

    /// Deletes up to `BatchPlan.removalLimit` positions or members of the longest-deleted chat, or the chat itself once
    /// it is empty.
    ///
    /// - Returns: Whether there may be more to purge.
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
                    .execute(arguments: [chat, first + BatchPlan.removalLimit])
                return true
            }
        }
        try cachedStatement(
            sql: """
                DELETE FROM members WHERE chat_id = ? AND user_id <= (
                    SELECT max(user_id) FROM (SELECT user_id FROM members WHERE chat_id = ? ORDER BY user_id LIMIT ?)
                )
                """
        ).execute(arguments: [chat, chat, BatchPlan.removalLimit])
        if changesCount == 0 {
            try remove(ChatID(rawValue: chat))
        }
        return true
    }
}
