package import ChatDomain
import PostgresClient

extension PostgresStore {
    /// Writes only for a new user.
    package func standing(
        of id: UserID,
        creatingWith name: UserName?,
        _ kind: User.Kind
    ) async throws(StoreError) -> UserStanding {
        let known = try await database.read { connection throws(PostgresError) in
            try connection.fetchUsers(withIDs: [id]).first
        }
        if let known { return known.standing }
        do throws(StoreError) {
            return try await database.write { [clock = database.clock] connection throws(PostgresError) in
                try connection.createUser(User(id: id, name: name?.value, kind: kind, createdAt: clock.now())).standing
            }
        } catch {
            // Nobody can tell whether the user was created.
            throw error.ofRead
        }
    }

    package func users(withIDs ids: [UserID]) async throws(StoreError) -> [User] {
        try await database.read { connection throws(PostgresError) in
            try connection.fetchUsers(withIDs: ids).map(\.user)
        }
    }

    package func putUser(_ id: UserID, _ profile: UserProfile) async throws(StoreError) -> User {
        try await apply(.put(profile), to: id)
    }

    package func deleteUser(_ id: UserID, erasesMessages: Bool) async throws(StoreError) {
        _ = try await apply(.delete(erasesMessages: erasesMessages), to: id)
    }

    package func revokeTokens(of user: UserID?) async throws(StoreError) {
        if let user {
            _ = try await apply(.revokeTokens, to: user)
        } else {
            try await database.write { [clock = database.clock] connection throws(PostgresError) in
                try connection.revokeAllTokens(at: clock.now())
            }
            signals.send(.accessChanged)
        }
    }

    private func apply(_ change: UserChange, to id: UserID) async throws(StoreError) -> User {
        let outcome = try await database.write { [clock = database.clock] connection throws(PostgresError) in
            try connection.apply(change, to: id, at: clock.now())
        }
        guard let outcome else { throw .userNotFound }
        if outcome.changesAccess {
            signals.send(.accessChanged)
        }
        return outcome.user
    }

    package func eraseMessages() async throws(StoreError) -> Bool {
        let step = try await database.read { connection throws(PostgresError) in try connection.fetchErasure() }
        guard let step else { return false }
        try await carryOut(step)
        if step.finishesWindow {
            try await database.write { connection throws(PostgresError) in try connection.finishWindow(of: step) }
        }
        return true
    }

    /// Other processes see a change as soon as it is committed.
    package func accessChanges(after version: Int64) async throws(StoreError) -> AccessChanges {
        try await database.read { connection throws(PostgresError) in
            try connection.fetchAccessChanges(after: version)
        }
    }

    package func ticketSecret() async throws(StoreError) -> [UInt8] {
        try await database.read { connection throws(PostgresError) in try connection.fetchTicketSecret() }
    }

    package func serverKeys() async throws(StoreError) -> [ServerKeyRecord] {
        try await database.read { connection throws(PostgresError) in try connection.fetchServerKeys() }
    }

    package func addServerKey(_ key: ServerKeyRecord) async throws(StoreError) {
        try await database.write { connection throws(PostgresError) in try connection.insert(key) }
        signals.send(.accessChanged)
    }

    package func revokeServerKey(_ id: String) async throws(StoreError) -> Bool {
        let isThere = try await database.write { [clock = database.clock] connection throws(PostgresError) in
            try connection.revokeServerKey(id, at: clock.now())
        }
        if isThere {
            signals.send(.accessChanged)
        }
        return isThere
    }

    package func recordUse(ofServerKeys hours: [String: Instant]) async throws(StoreError) {
        try await database.write { connection throws(PostgresError) in try connection.recordUse(ofServerKeys: hours) }
    }
}
