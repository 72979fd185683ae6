import ChatDomain
import GRDB

/// The statements that read members; each runs inside its caller's snapshot or transaction.
extension Database {
    func fetchMember(_ reference: MemberReference) throws -> Member? {
        let statement = try cachedStatement(
            sql: "SELECT \(MemberColumns.list) FROM members WHERE chat_id = ? AND user_id = ?"
        )
        let columns = try MemberColumns(statement)
        let arguments: StatementArguments = [reference.chatID.rawValue, reference.userID.value]
        return try Row.fetchOne(statement, arguments: arguments).map { try columns.member($0, of: reference.chatID) }
    }

    /// - Parameter includesFormer: Whether users who left count, too.
    func fetchMembers(
        of chat: ChatID,
        after user: UserID?,
        limit: Int,
        includesFormer: Bool = false
    ) throws -> [Member] {
        let statement = try cachedStatement(
            sql: """
                SELECT \(MemberColumns.list) FROM members
                WHERE chat_id = ? AND user_id > ?\(includesFormer ? "" : " AND left_seq IS NULL") ORDER BY user_id LIMIT ?
                """
        )
        let columns = try MemberColumns(statement)
        let rows = try Row.fetchCursor(statement, arguments: [chat.rawValue, user.stored, limit])
        return try Array(rows.map { try columns.member($0, of: chat) })
    }

    /// Returns what a user has read; nil for a user who is no member.
    ///
    /// - Parameter position: Counts as read, whatever the marker says; nil for none.
    func fetchReadState(of user: UserID, in chat: Chat, after position: Position? = nil) throws -> ReadState? {
        let known = min(position ?? Position(rawValue: 0), chat.lastPosition)
        return try fetchReadStates(of: user, in: [chat.id], after: known)[chat.id]
    }

    /// Returns what a user has read of those of the chats of which the user is a member.
    ///
    /// - Parameter position: Counts as read in every chat, whatever the marker says.
    func fetchReadStates(
        of user: UserID,
        in chats: [ChatID],
        after position: Position = Position(rawValue: 0)
    ) throws -> [ChatID: ReadState] {
        let statement = try cachedStatement(
            sql: """
                SELECT state.chat_id, state.role, state.read_seq, (
                    SELECT count(*) FROM (
                        SELECT 1 FROM messages \(Self.unread(of: "state.chat_id", "state.read_seq", by: "state.user_id"))
                        LIMIT \(UnreadCount.limit + 1)
                    )
                ) AS unread
                FROM json_each(?) AS listed CROSS JOIN (
                    SELECT chat_id, user_id, role, max(read_seq, ?) AS read_seq FROM members WHERE left_seq IS NULL
                ) AS state ON state.chat_id = listed.value AND state.user_id = ?
                """
        )
        let arguments: StatementArguments = [chats.json, position.rawValue, user.value]
        var states: [ChatID: ReadState] = [:]
        let rows = try Row.fetchCursor(statement, arguments: arguments)
        while let row = try rows.next() {
            guard let role = ChatRole(rawValue: row[1]) else {
                throw StoreError.failed(reason: "a stored member is invalid")
            }
            states[ChatID(rawValue: row[0])] = ReadState(
                role: role,
                readPosition: Position(rawValue: row[2]),
                unread: UnreadCount(found: row[3])
            )
        }
        return states
    }

    func fetchUnreadChatCount(of user: UserID) throws -> Int {
        let unread = Self.unread(of: "members.chat_id", "members.read_seq", by: "members.user_id")
        let statement = try cachedStatement(
            sql: """
                SELECT count(*)
                FROM members CROSS JOIN chats ON chats.id = members.chat_id
                WHERE members.user_id = ? AND left_seq IS NULL AND deleted_at IS NULL AND last_seq > read_seq
                    AND EXISTS (SELECT 1 FROM messages \(unread))
                """
        )
        return try Int.fetchOne(statement, arguments: [user.value]) ?? 0
    }

    /// The condition of a query for unread messages: of a chat, after a position, and not by the reader.
    private static func unread(of chat: String, _ marker: String, by reader: String) -> String {
        """
        WHERE messages.chat_id = \(chat) AND messages.seq > \(marker) AND messages.deleted_at IS NULL
            AND messages.author <> \(reader)
        """
    }

    func fetchOwnerCount(of chat: ChatID) throws -> Int {
        // SQLite would prefer to count along the primary key, through all members.
        let statement = try cachedStatement(
            sql: """
                SELECT count(*) FROM members INDEXED BY members_owners
                WHERE chat_id = ? AND role = 'owner' AND left_seq IS NULL
                """
        )
        return try Int.fetchOne(statement, arguments: [chat.rawValue]) ?? 0
    }

    /// Counts the memberships of a chat, ended ones included.
    func countMembers(of chat: ChatID, upTo limit: Int64) throws -> Int64 {
        let statement = try cachedStatement(
            sql: "SELECT count(*) FROM (SELECT 1 FROM members WHERE chat_id = ? LIMIT ?)"
        )
        return try Int64.fetchOne(statement, arguments: [chat.rawValue, limit]) ?? 0
    }

    /// Whether a caller may read a chat.
    func permitsReading(_ chat: Chat, by caller: Caller) throws -> Bool {
        let role = try fetchRole(of: caller, in: chat)
        return caller.rights.decide(.read, in: chat.id, membership: role) == .allowed
    }

    /// The role that decides whether a caller may read a chat; nil if the caller has none or the rights alone decide.
    func fetchRole(of caller: Caller, in chat: Chat) throws -> ChatRole? {
        guard let reference = caller.membership(for: .read, in: chat.id) else { return nil }
        return chat.visibility.role(withMembership: try fetchMember(reference)?.currentRole)
    }
}

/// The column indexes of a member.
private struct MemberColumns {
    static let list = "user_id, role, joined_seq, left_seq, read_seq"

    private let userID, role, joinedAt, leftAt, readPosition: Int

    init(_ statement: Statement) throws {
        userID = try statement.column("user_id")
        role = try statement.column("role")
        joinedAt = try statement.column("joined_seq")
        leftAt = try statement.column("left_seq")
        readPosition = try statement.column("read_seq")
    }

    func member(_ row: Row, of chat: ChatID) throws(StoreError) -> Member {
        guard let user = UserID(stored: row[userID]), let role = ChatRole(rawValue: row[role]) else {
            throw .failed(reason: "a stored member is invalid")
        }
        let leftAt: Int64? = row[leftAt]
        return Member(
            MemberReference(chatID: chat, userID: user),
            role: role,
            joinedAt: Position(rawValue: row[joinedAt]),
            leftAt: leftAt.map(Position.init(rawValue:)),
            readPosition: Position(rawValue: row[readPosition])
        )
    }
}
