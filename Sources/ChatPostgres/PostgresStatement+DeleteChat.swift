import ChatDomain
import PostgresClient

/// The statements that delete chats.
extension PostgresStatement {
    /// Forgets the keys under which chats were created.
    static func deleteKeys(of chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            "DELETE FROM chat_idempotency_keys WHERE chat_id = ANY ($1::bigint[])",
            [.int64Array(chats.map(\.rawValue))]
        )
    }

    /// Removes chats and their messages; foreign keys cascade to their changes and members.
    static func remove(_ chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            """
            WITH removed AS (DELETE FROM messages WHERE chat_id = ANY ($1::bigint[])), departed AS (
                INSERT INTO departures (user_id, chat_id)
                SELECT user_id, chat_id FROM members WHERE chat_id = ANY ($1::bigint[]) AND left_seq IS NULL
                ON CONFLICT (user_id, chat_id) DO UPDATE SET activity = excluded.activity
            )
            DELETE FROM chats WHERE id = ANY ($1::bigint[])
            """,
            [.int64Array(chats.map(\.rawValue))]
        ).divided()
    }

    /// Hides chats from every reader until they are purged.
    static func hide(_ chats: Set<ChatID>, at now: Instant) -> PostgresStatement {
        PostgresStatement(
            """
            UPDATE chats SET deleted_at = $2, title = '-', metadata = NULL, activity = DEFAULT
            WHERE id = ANY ($1::bigint[])
            """,
            [.int64Array(chats.map(\.rawValue)), .instant(now)]
        ).divided()
    }

    /// Locks the chat that was deleted first, of those that no other server is purging.
    static let lockDeletedChat = PostgresStatement(
        "SELECT id FROM chats WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED"
    )

    /// Finds up to eight deleted chats, the oldest deletion first.
    static let findDeletedChats = PostgresStatement(
        "SELECT id FROM chats WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 8"
    )

    /// Locks a deleted chat; it returns no row if another server is purging the chat.
    static func lockDeleted(_ chat: ChatID) -> PostgresStatement {
        PostgresStatement(
            "SELECT id FROM chats WHERE id = $1 AND deleted_at IS NOT NULL FOR UPDATE SKIP LOCKED",
            [.int64(chat.rawValue)]
        )
    }

    /// Removes a bounded part of the data of a deleted chat, which the transaction has locked.
    ///
    /// It deletes a range of positions. The number of a chat's entries is unknown at planning time, and with a LIMIT
    /// the server would read and sort all of them each time.
    static func purge(_ chat: ChatID) -> PostgresStatement {
        PostgresStatement(
            """
            WITH purged_messages AS (
                DELETE FROM messages
                WHERE chat_id = $1 AND seq < $2 + (SELECT min(seq) FROM messages WHERE chat_id = $1)
                RETURNING seq
            ), purged_changes AS (
                DELETE FROM changes
                WHERE chat_id = $1 AND seq < $2 + (SELECT min(seq) FROM changes WHERE chat_id = $1)
                RETURNING seq
            ), purged_members AS (
                DELETE FROM members
                WHERE chat_id = $1
                    AND user_id = ANY (ARRAY(SELECT user_id FROM members WHERE chat_id = $1 LIMIT $2))
                RETURNING user_id, chat_id, left_seq
            ), departed AS (
                INSERT INTO departures (user_id, chat_id)
                SELECT user_id, chat_id FROM purged_members WHERE left_seq IS NULL
                ON CONFLICT (user_id, chat_id) DO UPDATE SET activity = excluded.activity
            )
            DELETE FROM chats
            WHERE id = $1 AND NOT EXISTS (SELECT FROM purged_messages) AND NOT EXISTS (SELECT FROM purged_changes)
                AND NOT EXISTS (SELECT FROM purged_members)
            """,
            [.int64(chat.rawValue), .int64(BatchPlan.removalLimit)]
        )
    }
}
