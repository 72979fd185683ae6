import ChatDomain
import PostgresClient

/// The statements about members.
extension PostgresStatement {
    static func fetchMembers(_ references: Set<MemberReference>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT \(MemberColumns.list)
            FROM unnest($1::bigint[], $2::text[]) AS reference (chat_id, user_id)
            JOIN members ON members.chat_id = reference.chat_id AND members.user_id = reference.user_id
            """,
            [
                .int64Array(references.map(\.chatID.rawValue)), .textArray(references.map(\.userID.value)),
            ]
        ).divided(by: "members.chat_id")
    }

    static func countOwners(of chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT chat_id, count(*) AS owner_count FROM members
            WHERE chat_id = ANY ($1::bigint[]) AND role = 'owner' AND left_seq IS NULL GROUP BY chat_id
            """,
            [.int64Array(chats.map(\.rawValue))]
        ).divided()
    }

    /// Counts the memberships of chats, ended ones included.
    static func countMembers(of chats: Set<ChatID>, upTo limit: Int64) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT chats.id AS chat_id, (
                SELECT count(*) FROM (SELECT FROM members WHERE members.chat_id = chats.id LIMIT $2) AS counted
            ) AS member_count
            FROM chats WHERE id = ANY ($1::bigint[])
            """,
            [.int64Array(chats.map(\.rawValue)), .int64(limit)]
        ).divided()
    }

    /// Reads what decides whether users may read chats.
    static func fetchRoles(_ references: Set<MemberReference>) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT chats.id AS chat_id, reference.user_id, chats.visibility, members.role
            FROM unnest($1::bigint[], $2::text[]) AS reference (chat_id, user_id)
            CROSS JOIN chats
            LEFT JOIN members ON members.chat_id = chats.id AND members.user_id = reference.user_id
                AND members.left_seq IS NULL
            WHERE chats.id = reference.chat_id
            """,
            [
                .int64Array(references.map(\.chatID.rawValue)), .textArray(references.map(\.userID.value)),
            ]
        ).divided(by: "chats.id")
    }

    static func columns(of members: [Member]) -> [PostgresValue] {
        [
            .int64Array(members.map(\.reference.chatID.rawValue)),
            .textArray(members.map(\.reference.userID.value)),
            .textArray(members.map(\.role.rawValue)),
            .int64Array(members.map(\.joinedAt.rawValue)),
            .int64Array(members.map(\.leftAt?.rawValue)),
            .int64Array(members.map(\.readPosition.rawValue)),
        ]
    }
}

extension PostgresResult {
    borrowing func members() throws(PostgresError) -> [Member] {
        let columns = try MemberColumns(self)
        var members: [Member] = []
        for row in 0..<rowCount where !isNull(columns.userID, row: row) {
            members.append(try columns.member(self, row: row))
        }
        return members
    }

    borrowing func ownerCounts() throws(PostgresError) -> [ChatID: Int] {
        try counts("owner_count").mapValues { Int($0) }
    }

    borrowing func memberCounts() throws(PostgresError) -> [ChatID: Int64] {
        try counts("member_count")
    }

    borrowing func counts(_ name: String) throws(PostgresError) -> [ChatID: Int64] {
        let (chat, count) = (try column("chat_id"), try column(name))
        var counts: [ChatID: Int64] = [:]
        for row in 0..<rowCount {
            counts[ChatID(rawValue: try int64(chat, row: row))] = try int64(count, row: row)
        }
        return counts
    }

    /// Reads the results of `fetchRoles`.
    borrowing func roles() throws(PostgresError) -> [MemberReference: ChatRole] {
        let (chat, user) = (try column("chat_id"), try column("user_id"))
        let (visibility, membership) = (try column("visibility"), try column("role"))
        var roles: [MemberReference: ChatRole] = [:]
        for row in 0..<rowCount {
            guard let userID = UserID(stored: try text(user, row: row)) else { continue }
            let chatID = ChatID(rawValue: try int64(chat, row: row))
            roles[MemberReference(chatID: chatID, userID: userID)] = try role(membership, visibility, row: row)
        }
        return roles
    }

    /// Reads a user's memberships from `chat_id` and `reader_role`.
    borrowing func memberships() throws(PostgresError) -> [ChatID: ChatRole] {
        let (chat, role) = (try column("chat_id"), try column("reader_role"))
        var memberships: [ChatID: ChatRole] = [:]
        for row in 0..<rowCount where !isNull(role, row: row) {
            memberships[ChatID(rawValue: try int64(chat, row: row))] = ChatRole(rawValue: try text(role, row: row))
        }
        return memberships
    }

    /// A user's role in a chat, from the columns of the membership's role and of the chat's visibility.
    borrowing func role(_ membership: Int, _ visibility: Int, row: Int) throws(PostgresError) -> ChatRole? {
        let role = isNull(membership, row: row) ? nil : ChatRole(rawValue: try text(membership, row: row))
        return ChatVisibility(stored: try text(visibility, row: row)).role(withMembership: role)
    }
}

/// The column indexes of a member.
struct MemberColumns {
    private static let columns = ["chat_id", "user_id", "role", "joined_seq", "left_seq", "read_seq"]
    /// For a subquery aliased as `members`.
    static let names = columns.joined(separator: ", ")
    static let list = columns.map { "members.\($0) AS member_\($0)" }.joined(separator: ", ")

    fileprivate let userID: Int
    private let chatID, role, joinedAt, leftAt, readPosition: Int

    init(_ result: borrowing PostgresResult) throws(PostgresError) {
        chatID = try result.column("member_chat_id")
        userID = try result.column("member_user_id")
        role = try result.column("member_role")
        joinedAt = try result.column("member_joined_seq")
        leftAt = try result.column("member_left_seq")
        readPosition = try result.column("member_read_seq")
    }

    fileprivate func member(_ result: borrowing PostgresResult, row: Int) throws(PostgresError) -> Member {
        guard let userID = UserID(stored: try result.text(userID, row: row)),
            let role = ChatRole(rawValue: try result.text(role, row: row))
        else { throw .unexpectedResult("a stored member is invalid") }
        let chatID = ChatID(rawValue: try result.int64(chatID, row: row))
        return Member(
            MemberReference(chatID: chatID, userID: userID),
            role: role,
            joinedAt: Position(rawValue: try result.int64(joinedAt, row: row)),
            leftAt: result.isNull(leftAt, row: row) ? nil : Position(rawValue: try result.int64(leftAt, row: row)),
            readPosition: Position(rawValue: try result.int64(readPosition, row: row))
        )
    }
}
