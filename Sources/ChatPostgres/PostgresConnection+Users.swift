import ChatDomain
import PostgresClient

extension PostgresConnection {
    func fetchUsers(withIDs ids: [UserID]) throws(PostgresError) -> [UserRecord] {
        try query(
            """
            SELECT \(UserColumns.list) FROM unnest($1::text[]) WITH ORDINALITY AS wanted (id, number)
            JOIN users ON users.id = wanted.id ORDER BY number
            """,
            [.textArray(ids.map(\.value))]
        ).users()
    }

    func fetchArchivedUsers(after id: UserID?, limit: Int) throws(PostgresError) -> [User] {
        try query(
            "SELECT \(UserColumns.list) FROM users WHERE id > $1 ORDER BY id LIMIT $2",
            [.text(id.stored), .int64(Int64(limit))]
        ).users().map(\.user)
    }

    /// Adds users whose ids are not taken.
    ///
    /// - Returns: The number of users added.
    func importUsers(_ users: [User]) throws(PostgresError) -> Int64 {
        var count = 0
        try transact([.insert(users)]) { _, result throws(PostgresError) in count = result.rowCount }
        return Int64(count)
    }

    /// Adds a user unless another session just did, and returns the user's record.
    func createUser(_ user: User) throws(PostgresError) -> UserRecord {
        var records: [UserRecord] = []
        try transact([.insert([user]), .fetchUser(user.id)]) { index, result throws(PostgresError) in
            if index == 1 { records = try result.users() }
        }
        guard let record = records.first else { throw .unexpectedResult("a user was not created") }
        return record
    }

    /// Carries out a change to a user, in two round trips.
    ///
    /// Changes lock the access state first and then the user, so that two of them never wait for each other.
    ///
    /// - Returns: The user, and whether the user's standing changed; nil if the user does not exist and the change does
    ///   not create one.
    func apply(
        _ change: UserChange,
        to id: UserID,
        at now: Instant
    ) throws(PostgresError) -> (user: User, changesAccess: Bool)? {
        var preparation: [PostgresStatement] = []
        switch change {
        case .put, .revokeTokens: preparation = [.insert([User(id: id, createdAt: now)])]
        case .delete(let erasesMessages):
            if erasesMessages { preparation = [PostgresStatement("SELECT max(id) AS newest FROM messages")] }
        }
        let lock = PostgresStatement("SELECT FROM access_state WHERE id = 1 FOR UPDATE")
        var newest: MessageID?
        var records: [UserRecord] = []
        do throws(PostgresError) {
            try begin([lock] + preparation + [.fetchUser(id, locks: true)]) { index, result throws(PostgresError) in
                if index == preparation.count + 1 {
                    records = try result.users()
                } else if index == 1, case .delete = change {
                    newest = try result.optionalMessageID(result.column("newest"), row: 0)
                }
            }
        } catch .connectionLost(let reason) {
            throw .transactionLost(reason: reason)
        }
        guard var record = records.first else {
            try rollBack()
            return nil
        }
        let changesAccess = record.apply(change, at: now, newestMessage: newest)
        try commit((changesAccess ? [.countAccessChange] : []) + [.update(record, changesAccess: changesAccess)])
        return (record.user, changesAccess)
    }

    /// The next step of erasing deleted users' messages; nil if nothing is left to erase.
    func fetchErasure() throws(PostgresError) -> MessageErasure? {
        let pending = try query(
            "SELECT id, erases_below FROM users WHERE erases_below IS NOT NULL ORDER BY id LIMIT 1"
        )
        guard pending.rowCount > 0, let user = UserID(stored: try pending.text(pending.column("id"), row: 0)) else {
            return nil
        }
        let bound = MessageID(rawValue: try pending.int64(pending.column("erases_below"), row: 0))
        // The planner does not know the subquery's value, so it reads the index in order instead of sorting all rows.
        let window = try query(
            "SELECT id FROM messages WHERE id < (SELECT $1::bigint) ORDER BY id DESC LIMIT 1 OFFSET $2",
            [.int64(bound.rawValue), .int64(Int64(MessageErasure.windowSize - 1))]
        )
        let lowest = window.rowCount == 0 ? nil : MessageID(rawValue: try window.int64(0, row: 0))
        let found = try query(
            """
            SELECT chat_id, id FROM messages
            WHERE id >= $1 AND id < $2 AND author = $3 AND deleted_at IS NULL
                AND EXISTS (SELECT FROM chats WHERE chats.id = chat_id AND chats.deleted_at IS NULL)
            LIMIT $4
            """,
            [
                .int64(lowest?.rawValue ?? 0), .int64(bound.rawValue), .text(user.value),
                .int64(Int64(MessageErasure.maximumCount)),
            ]
        )
        let (chat, id) = (try found.column("chat_id"), try found.column("id"))
        var messages: [BatchPlan.MessageReference] = []
        for row in 0..<found.rowCount {
            messages.append(
                BatchPlan.MessageReference(
                    chatID: ChatID(rawValue: try found.int64(chat, row: row)),
                    id: MessageID(rawValue: try found.int64(id, row: row))
                )
            )
        }
        return MessageErasure(user: user, bound: bound, lowest: lowest, messages: messages)
    }

    /// Moves on to the next window, unless another process did.
    func finishWindow(of step: MessageErasure) throws(PostgresError) {
        let lowest: PostgresValue = .int64(step.lowest?.rawValue ?? 0)
        try transact([
            PostgresStatement(
                "UPDATE users SET erases_below = nullif($1, 0) WHERE id = $2 AND erases_below = $3",
                [lowest, .text(step.user.value), .int64(step.bound.rawValue)]
            )
        ])
    }
}

extension PostgresStatement {
    fileprivate static func fetchUser(_ id: UserID, locks: Bool = false) -> PostgresStatement {
        PostgresStatement(
            "SELECT \(UserColumns.list) FROM users WHERE id = $1\(locks ? " FOR UPDATE" : "")",
            [.text(id.value)]
        )
    }

    /// Adds users whose ids are not taken, and returns a row for each one added.
    ///
    /// Reactivating an imported user must not make tokens from before the deactivation valid.
    fileprivate static func insert(_ users: [User]) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO users (id, name, avatar_url, metadata, kind, created_at, deactivated_at, tokens_valid_after)
            SELECT id, name, avatar_url, metadata, kind, created_at, deactivated_at, deactivated_at
            FROM unnest(
                $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[]
            ) AS added (id, name, avatar_url, metadata, kind, created_at, deactivated_at)
            ON CONFLICT (id) DO NOTHING RETURNING id
            """,
            [
                .textArray(users.map(\.id.value)), .textArray(users.map(\.name)), .textArray(users.map(\.avatarURL)),
                .textArray(users.map(\.metadata?.json)), .textArray(users.map(\.kind.rawValue)),
                .timestampArray(users.map(\.createdAt.microsecondsSinceEpoch)),
                .timestampArray(users.map(\.deactivatedAt?.microsecondsSinceEpoch)),
            ]
        )
    }

    fileprivate static func update(_ record: UserRecord, changesAccess: Bool) -> PostgresStatement {
        let user = record.user
        return PostgresStatement(
            """
            UPDATE users SET
                name = $2, avatar_url = $3, metadata = $4, kind = $5, deactivated_at = $6, tokens_valid_after = $7,
                erases_below = nullif($8, 0),
                version = CASE WHEN $9 THEN (SELECT version FROM access_state WHERE id = 1) ELSE version END
            WHERE id = $1
            """,
            [
                .text(user.id.value), .text(user.name), .text(user.avatarURL), .text(user.metadata?.json),
                .text(user.kind.rawValue), .instant(user.deactivatedAt), .instant(record.tokensValidAfter),
                .int64(record.erasesBelow?.rawValue ?? 0), .bool(changesAccess),
            ]
        )
    }
}
