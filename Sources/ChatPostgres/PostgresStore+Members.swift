package import ChatDomain
import PostgresClient

extension PostgresStore {
    /// If the connection breaks during COMMIT, the store checks whether the batch was committed before it answers.
    package func changeMembers(_ request: MemberRequest) async throws(StoreError) -> [Member] {
        try await writes.changeMembers(request)
    }

    /// Reads the members and checks the chat in one statement.
    package func members(
        of chat: ChatID,
        after user: UserID?,
        limit: Int,
        by caller: Caller
    ) async throws(StoreError) -> [Member] {
        try await readInChat { connection throws(PostgresError) in
            try connection.fetchMembers(of: chat, after: user, limit: limit, by: caller)
        }
    }

    package func membership(_ reference: MemberReference) async throws(StoreError) -> Member? {
        try await database.read { connection throws(PostgresError) in try connection.fetchMember(reference) }
    }
}

extension PostgresConnection {
    /// Reads current members; nil if the chat does not exist or the caller may not read it.
    fileprivate func fetchMembers(
        of chat: ChatID,
        after user: UserID?,
        limit: Int,
        by caller: Caller
    ) throws(PostgresError) -> [Member]? {
        let reader = ReaderColumns(caller, in: chat, parameter: 4)
        let result = try query(
            """
            SELECT \(MemberColumns.list)\(reader.list)
            FROM chats LEFT JOIN LATERAL (
                SELECT \(MemberColumns.names) FROM members WHERE chat_id = $1 AND user_id > $2 AND left_seq IS NULL
                ORDER BY user_id LIMIT $3
            ) AS members ON true
            WHERE chats.id = $1 AND chats.deleted_at IS NULL
            """,
            [.int64(chat.rawValue), .text(user.stored), .int64(Int64(limit))] + reader.parameters
        )
        guard try reader.permitReading(result) else { return nil }
        // SQL does not guarantee the order of a join's rows.
        return try result.members().sorted { $0.reference.userID.value < $1.reference.userID.value }
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
