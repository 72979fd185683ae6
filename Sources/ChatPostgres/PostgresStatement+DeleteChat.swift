import ChatDomain
import PostgresClient

/// The statements that delete chats.
extension PostgresStatement {
    /// Removes chats and their messages; foreign keys cascade to everything else.
    static func remove(_ chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            """
            WITH removed AS (DELETE FROM messages WHERE chat_id = ANY ($1::bigint[])), departed AS (
                INSERT INTO departures (user_id, chat_id)
                SELECT user_id, chat_id FROM members WHERE chat_id = ANY ($1::bigint[]) AND left_seq IS NULL
                ON CONFLICT (user_id, chat_id) DO UPDATE SET activity = DEFAULT
            )
            DELETE FROM chats WHERE id = ANY ($1::bigint[])
            """,
            [.int64Array(chats.map(\.rawValue))]
        )
    }

    /// Hides chats from every reader until they are purged.
    static func hide(_ chats: Set<ChatID>, at now: Instant) -> PostgresStatement {
        PostgresStatement(
            """
            WITH chat AS (
                UPDATE chats SET deleted_at = $2, title = '-', metadata = NULL, activity = DEFAULT
                WHERE id = ANY ($1::bigint[]) RETURNING id
            )
            DELETE FROM chat_idempotency_keys USING chat WHERE chat_id = chat.id
            """,
            [.int64Array(chats.map(\.rawValue)), .instant(now)]
        )
    }

    /// Removes a bounded part of a deleted chat's data; it returns a row if there was a deleted chat.
    ///
    /// Several servers may purge at once: each takes a chat that no other one is purging.
    ///
    /// It deletes a range of positions. The number of a chat's entries is unknown at planning time, and with a LIMIT
    /// the server would read and sort all of them each time.
    static let purge = PostgresStatement(
        """
        WITH chat AS (
            SELECT id FROM chats WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED
        ), purged_messages AS (
            DELETE FROM messages
            WHERE chat_id = (SELECT id FROM chat)
                AND seq < $1 + (SELECT min(seq) FROM messages WHERE chat_id = (SELECT id FROM chat))
            RETURNING seq
        ), purged_changes AS (
            DELETE FROM changes
            WHERE chat_id = (SELECT id FROM chat)
                AND seq < $1 + (SELECT min(seq) FROM changes WHERE chat_id = (SELECT id FROM chat))
            RETURNING seq
        ), purged_members AS (
            DELETE FROM members
            WHERE chat_id = (SELECT id FROM chat)
                AND user_id = ANY (ARRAY(SELECT user_id FROM members WHERE chat_id = (SELECT id FROM chat) LIMIT $1))
            RETURNING user_id, chat_id, left_seq
        ), departed AS (
            INSERT INTO departures (user_id, chat_id)
            SELECT user_id, chat_id FROM purged_members WHERE left_seq IS NULL
            ON CONFLICT (user_id, chat_id) DO UPDATE SET activity = DEFAULT
        ), purged_chat AS (
            DELETE FROM chats USING chat
            WHERE chats.id = chat.id
                AND NOT EXISTS (SELECT FROM purged_messages) AND NOT EXISTS (SELECT FROM purged_changes)
                AND NOT EXISTS (SELECT FROM purged_members)
        )
        SELECT FROM chat
        """,
        [.int64(BatchPlan.removalLimit)]
    )
}
