package import ChatDomain
import PostgresClient

extension PostgresStore {
    /// If the connection breaks during COMMIT, the store checks whether the batch was committed before it answers.
    package func changeMembers(_ request: MemberRequest) async throws(StoreError) -> [Member] {
        try await writes.changeMembers(request)
    }

    /// Shares batches with messages.
    package func moveReadMarker(_ request: ReadMarkerRequest) async throws(StoreError) {
        try await writes.moveReadMarker(request)
    }

    /// Reads the members and checks the chat in one statement.
    package func members(
        of chat: ChatID,
        after user: UserID?,
        limit: Int,
        by caller: Caller
    ) async throws(StoreError) -> MemberPage {
        try await readInChat { connection throws(PostgresError) in
            try connection.fetchMembers(of: chat, after: user, limit: limit, by: caller)
        }
    }

    /// Reads the state and checks the chat in one statement.
    package func readState(
        of chat: ChatID,
        by caller: Caller,
        after position: Position?
    ) async throws(StoreError) -> ReadState {
        let state = try await readInChat { connection throws(PostgresError) in
            try connection.fetchReadState(of: chat, by: caller, after: position)
        }
        guard let state else { throw .forbidden }
        return state
    }

    package func unreadChatCount(of user: UserID) async throws(StoreError) -> Int {
        try await database.read { connection throws(PostgresError) in try connection.fetchUnreadChatCount(of: user) }
    }

    package func membership(_ reference: MemberReference) async throws(StoreError) -> Member? {
        try await database.read { connection throws(PostgresError) in try connection.fetchMember(reference) }
    }
}

extension PostgresConnection {
    /// Reads a page of current members; nil if the chat does not exist or the caller may not read it.
    fileprivate func fetchMembers(
        of chat: ChatID,
        after user: UserID?,
        limit: Int,
        by caller: Caller
    ) throws(PostgresError) -> MemberPage? {
        let reader = ReaderColumns(caller, in: chat, parameter: 4)
        let result = try query(
            """
            SELECT chats.receipts, \(MemberColumns.list)\(reader.list)
            FROM chats LEFT JOIN LATERAL (
                SELECT \(MemberColumns.names) FROM members WHERE chat_id = $1 AND user_id > $2 AND left_seq IS NULL
                ORDER BY user_id LIMIT $3
            ) AS members ON true
            WHERE chats.id = $1 AND chats.deleted_at IS NULL
            """,
            // The member beyond the limit tells whether there is another page.
            [.int64(chat.rawValue), .text(user.stored), .int64(Int64(limit + 1))] + reader.parameters
        )
        guard try reader.permitReading(result) else { return nil }
        // SQL does not guarantee the order of a join's rows.
        let members = try result.members().sorted { $0.reference.userID.value < $1.reference.userID.value }
        let hasReceipts = try result.bool(try result.column("receipts"), row: 0)
        return MemberPage(members, limit: limit, hasReceipts: hasReceipts)
    }

    /// Returns nil if the chat does not exist or the caller may not read it, and a nested nil if the caller's user is no
    /// member.
    fileprivate func fetchReadState(
        of chat: ChatID,
        by caller: Caller,
        after position: Position?
    ) throws(PostgresError) -> ReadState?? {
        let states = ReadStateColumns(of: caller.author, in: "$1", after: "least($3, chats.last_seq)", parameter: 2)
        let reader = ReaderColumns(caller, in: chat, parameter: 4)
        let result = try query(
            """
            SELECT chats.id AS chat_id\(states.list)\(reader.list) FROM chats \(states.join)
            WHERE chats.id = $1 AND chats.deleted_at IS NULL
            """,
            [.int64(chat.rawValue)] + states.parameters + [.int64(position?.rawValue ?? 0)] + reader.parameters
        )
        guard try reader.permitReading(result) else { return nil }
        return .some(try states.states(result, of: [chat])[chat])
    }

    fileprivate func fetchUnreadChatCount(of user: UserID) throws(PostgresError) -> Int {
        // The limits of 1 keep the planner from reading whole tables for a join.
        let result = try query(
            """
            SELECT count(*) AS unread_count
            FROM members CROSS JOIN LATERAL (
                SELECT FROM chats WHERE id = members.chat_id AND deleted_at IS NULL AND last_seq > members.read_seq LIMIT 1
            ) AS chat CROSS JOIN LATERAL (
                \(ReadStateColumns.unread(of: "members.chat_id", "members.read_seq", by: "$1")) ORDER BY seq LIMIT 1
            ) AS unread
            WHERE members.user_id = $1 AND members.left_seq IS NULL
            """,
            [.text(user.value)]
        )
        return Int(try result.int64(try result.column("unread_count"), row: 0))
    }

    fileprivate func fetchMember(_ reference: MemberReference) throws(PostgresError) -> Member? {
        try query(
            """
            SELECT \(MemberColumns.list)
            FROM members JOIN chats ON chats.id = members.chat_id AND chats.deleted_at IS NULL
            WHERE members.chat_id = $1 AND members.user_id = $2
            """,
            [.int64(reference.chatID.rawValue), .text(reference.userID.value)]
        ).members().first
    }
}
