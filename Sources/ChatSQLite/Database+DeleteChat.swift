import ChatDomain
import GRDB

/// The statements that delete chats; each runs inside its caller's transaction.
extension Database {
    /// Removes a chat; foreign keys cascade to its messages, changes, members and idempotency keys.
    func remove(_ chat: ChatID, _ activity: Int64) throws {
        try noteDepartures(from: chat, activity)
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
    func purgeDeletedChats(_ activity: Int64) throws -> Bool {
        let statement = try cachedStatement(
            sql: "SELECT id FROM chats WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1"
        )
        guard let id = try Int64.fetchOne(statement) else { return false }
        let chat = ChatID(rawValue: id)
        for table in ["messages", "changes"] {
            let first = try Int64.fetchOne(
                try cachedStatement(sql: "SELECT min(seq) FROM \(table) WHERE chat_id = ?"),
                arguments: [id]
            )
            if let first {
                try cachedStatement(sql: "DELETE FROM \(table) WHERE chat_id = ? AND seq < ?")
                    .execute(arguments: [id, first + BatchPlan.removalLimit])
                return true
            }
        }
        let last = try String.fetchOne(
            try cachedStatement(
                sql: """
                    SELECT max(user_id) FROM (SELECT user_id FROM members WHERE chat_id = ? ORDER BY user_id LIMIT ?)
                    """
            ),
            arguments: [id, BatchPlan.removalLimit]
        )
        guard let last else {
            try remove(chat, activity)
            return true
        }
        try noteDepartures(from: chat, upTo: last, activity)
        try cachedStatement(sql: "DELETE FROM members WHERE chat_id = ? AND user_id <= ?").execute(arguments: [
            id, last,
        ])
        return true
    }
}
