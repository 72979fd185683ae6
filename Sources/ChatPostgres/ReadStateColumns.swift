import ChatDomain
import PostgresClient

/// The columns of what a user has read of the chat in a query's row of `chats`; NULL if the user is no member.
struct ReadStateColumns {
    /// To append to the query's columns.
    let list: String
    /// To append to the query's tables.
    let join: String
    /// To append to the query's parameters.
    let parameters: [PostgresValue]

    /// - Parameters:
    ///   - user: Nil is no member of any chat.
    ///   - chat: An expression for the chat's id.
    ///   - position: An expression for a position that counts as read, whatever the marker says; 0 for none.
    ///   - number: The number of the first parameter.
    init(of user: UserID?, in chat: String = "chats.id", after position: String = "0", parameter number: Int) {
        // The limit of 1 keeps the planner from reading all of the user's memberships for a join.
        join = """
            LEFT JOIN LATERAL (
                SELECT role, greatest(read_seq, \(position)) AS read_seq FROM members
                WHERE chat_id = \(chat) AND user_id = $\(number) AND left_seq IS NULL LIMIT 1
            ) AS state ON true
            """
        // The planner cannot estimate this limit, so it reads the log in order instead of everything that is unread.
        list = """
            , state.role AS state_role, state.read_seq AS state_read_seq, (
                SELECT count(*) FROM (
                    \(Self.unread(of: chat, "state.read_seq", by: "$\(number)"))
                    ORDER BY seq LIMIT \(UnreadCount.limit + 1) + 0 * state.read_seq
                ) AS unread
            ) AS state_unread
            """
        parameters = [.text(user?.value)]
    }

    /// A query for unread messages: of a chat, after a position, and not by the reader.
    static func unread(of chat: String, _ marker: String, by reader: String) -> String {
        """
        SELECT FROM messages
        WHERE messages.chat_id = \(chat) AND messages.seq > \(marker) AND messages.deleted_at IS NULL
            AND messages.author <> \(reader)
        """
    }

    /// Reads the states of those of the chats that are in the result and of which the user is a member.
    func states(
        _ result: borrowing PostgresResult,
        of chats: [ChatID]
    ) throws(PostgresError) -> [ChatID: ReadState] {
        let (chat, roleColumn) = (try result.column("chat_id"), try result.column("state_role"))
        let (position, unread) = (try result.column("state_read_seq"), try result.column("state_unread"))
        let chats = Set(chats)
        var states: [ChatID: ReadState] = [:]
        for row in 0..<result.rowCount where !result.isNull(roleColumn, row: row) {
            let id = ChatID(rawValue: try result.int64(chat, row: row))
            guard chats.contains(id) else { continue }
            guard let role = ChatRole(rawValue: try result.text(roleColumn, row: row)) else {
                throw .unexpectedResult("a stored member is invalid")
            }
            states[id] = ReadState(
                role: role,
                readPosition: Position(rawValue: try result.int64(position, row: row)),
                unread: UnreadCount(found: Int(try result.int64(unread, row: row)))
            )
        }
        return states
    }
}
