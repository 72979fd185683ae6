import ChatDomain
import GRDB

/// The statements for users; each runs inside its caller's snapshot or transaction.
extension Database {
    func fetchUser(_ id: UserID) throws -> UserRecord? {
        let statement = try cachedStatement(sql: "SELECT \(UserColumns.list) FROM users WHERE id = ?")
        let columns = try UserColumns(statement)
        return try Row.fetchOne(statement, arguments: [id.value]).map { try columns.record($0) }
    }

    func fetchArchivedUsers(after id: UserID?, limit: Int) throws -> [User] {
        let statement = try cachedStatement(
            sql: "SELECT \(UserColumns.list) FROM users WHERE id > ? ORDER BY id LIMIT ?"
        )
        let columns = try UserColumns(statement)
        let rows = try Row.fetchCursor(statement, arguments: [id.stored, limit])
        return try Array(rows.map { try columns.record($0).user })
    }

    /// Adds a user unless there is one with the id.
    ///
    /// - Returns: Whether the user was added.
    @discardableResult
    func insert(_ user: User) throws -> Bool {
        // Reactivating an imported user must not make tokens from before the deactivation valid.
        let deactivatedAt = user.deactivatedAt?.microsecondsSinceEpoch
        try cachedStatement(
            sql: """
                INSERT INTO users (id, name, avatar_url, metadata, kind, created_at, deactivated_at, tokens_valid_after)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
                """
        ).execute(
            arguments: [
                user.id.value, user.name, user.avatarURL, user.metadata?.json, user.kind.rawValue,
                user.createdAt.microsecondsSinceEpoch, deactivatedAt, deactivatedAt,
            ]
        )
        return changesCount > 0
    }

    /// Carries out a change to a user.
    ///
    /// - Throws: `StoreError.userNotFound` if the user does not exist and the change does not create one.
    /// - Returns: The user, and whether the user's standing changed.
    func apply(_ change: UserChange, to id: UserID, at now: Instant) throws -> (user: User, changesAccess: Bool) {
        var newest: MessageID?
        switch change {
        case .put, .revokeTokens: try insert(User(id: id, createdAt: now))
        case .delete(let erasesMessages):
            if erasesMessages {
                newest = MessageID(stored: try Int64.fetchOne(cachedStatement(sql: "SELECT max(id) FROM messages")))
            }
        }
        guard var record = try fetchUser(id) else { throw StoreError.userNotFound }
        let changesAccess = record.apply(change, at: now, newestMessage: newest)
        if changesAccess {
            try countAccessChange()
        }
        try update(record, changesAccess: changesAccess)
        return (record.user, changesAccess)
    }

    private func update(_ record: UserRecord, changesAccess: Bool) throws {
        let user = record.user
        try cachedStatement(
            sql: """
                UPDATE users SET
                    name = ?, avatar_url = ?, metadata = ?, kind = ?, deactivated_at = ?, tokens_valid_after = ?,
                    erases_below = ?,
                    version = iif(?, (SELECT version FROM access_state WHERE id = 1), version)
                WHERE id = ?
                """
        ).execute(
            arguments: [
                user.name, user.avatarURL, user.metadata?.json, user.kind.rawValue,
                user.deactivatedAt?.microsecondsSinceEpoch, record.tokensValidAfter?.microsecondsSinceEpoch,
                record.erasesBelow?.rawValue, changesAccess, user.id.value,
            ]
        )
    }

    /// The next step of erasing deleted users' messages; nil if nothing is left to erase.
    func fetchErasure() throws -> MessageErasure? {
        let statement = try cachedStatement(
            sql: """
                SELECT
                    users.id AS id, erases_below,
                    (
                        SELECT messages.id FROM messages WHERE messages.id < erases_below
                        ORDER BY messages.id DESC LIMIT 1 OFFSET ?
                    ) AS lowest
                FROM users WHERE erases_below IS NOT NULL ORDER BY users.id LIMIT 1
                """
        )
        guard let row = try Row.fetchOne(statement, arguments: [MessageErasure.windowSize - 1]),
            let user = UserID(stored: row["id"]), let bound = MessageID(stored: row["erases_below"])
        else { return nil }
        let lowest = MessageID(stored: row["lowest"])
        let found = try cachedStatement(
            sql: """
                SELECT chat_id, id FROM messages
                WHERE id >= ? AND id < ? AND author = ? AND deleted_at IS NULL
                    AND EXISTS (SELECT 1 FROM chats WHERE chats.id = chat_id AND chats.deleted_at IS NULL)
                LIMIT ?
                """
        )
        let messages = try Row.fetchAll(
            found,
            arguments: [lowest?.rawValue ?? 0, bound.rawValue, user.value, MessageErasure.maximumCount]
        ).map { row in
            BatchPlan.MessageReference(
                chatID: ChatID(rawValue: row["chat_id"]),
                id: MessageID(rawValue: row["id"])
            )
        }
        return MessageErasure(user: user, bound: bound, lowest: lowest, messages: messages)
    }

    /// Moves on to the next window, unless another process did.
    func finishWindow(of step: MessageErasure) throws {
        try cachedStatement(sql: "UPDATE users SET erases_below = ? WHERE id = ? AND erases_below = ?")
            .execute(arguments: [step.lowest?.rawValue, step.user.value, step.bound.rawValue])
    }
}
