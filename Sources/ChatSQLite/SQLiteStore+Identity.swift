package import ChatDomain

extension SQLiteStore {
    /// Takes the write lock only for a new user.
    package func standing(
        of id: UserID,
        creatingWith name: UserName?,
        _ kind: User.Kind
    ) async throws(StoreError) -> UserStanding {
        if let record = try await database.read({ try $0.fetchUser(id) }) { return record.standing }
        do throws(StoreError) {
            return try await database.write { [clock = database.clock] database in
                try database.insert(User(id: id, name: name?.value, kind: kind, createdAt: clock.now()))
                return try database.fetchUser(id)?.standing ?? UserStanding()
            }
        } catch {
            // Nobody can tell whether the user was created.
            throw error.ofRead
        }
    }

    package func users(withIDs ids: [UserID]) async throws(StoreError) -> [User] {
        try await database.read { database in try ids.compactMap { try database.fetchUser($0)?.user } }
    }

    package func putUser(_ id: UserID, _ profile: UserProfile) async throws(StoreError) -> User {
        try await apply(.put(profile), to: id)
    }

    /// Schedules the write-ahead log to be emptied, so that the person leaves the disk.
    package func deleteUser(_ id: UserID, erasesMessages: Bool) async throws(StoreError) {
        _ = try await apply(.delete(erasesMessages: erasesMessages), to: id)
    }

    package func revokeTokens(of user: UserID?) async throws(StoreError) {
        if let user {
            _ = try await apply(.revokeTokens, to: user)
        } else {
            try await database.write { [clock = database.clock] in try $0.revokeAllTokens(at: clock.now()) }
            signals.send(.accessChanged)
        }
    }

    private func apply(_ change: UserChange, to id: UserID) async throws(StoreError) -> User {
        let (user, changesAccess) = try await database.write { [clock = database.clock] in
            try $0.apply(change, to: id, at: clock.now())
        }
        // The change may have replaced the person's data.
        database.checkpointer?.noticeErasure()
        if changesAccess {
            signals.send(.accessChanged)
        }
        return user
    }

    package func eraseMessages() async throws(StoreError) -> Bool {
        guard let step = try await database.read({ try $0.fetchErasure() }) else { return false }
        try await carryOut(step)
        if step.finishesWindow {
            try await database.write { try $0.finishWindow(of: step) }
        }
        return true
    }

    /// Reads the version and the users in one snapshot.
    package func accessChanges(after version: Int64) async throws(StoreError) -> AccessChanges {
        try await database.read { try $0.fetchAccessChanges(after: version) }
    }

    package func ticketSecret() async throws(StoreError) -> [UInt8] {
        try await database.read { try $0.fetchTicketSecret() }
    }

    package func serverKeys() async throws(StoreError) -> [ServerKeyRecord] {
        try await database.read { try $0.fetchServerKeys() }
    }

    package func addServerKey(_ key: ServerKeyRecord) async throws(StoreError) {
        try await database.write { try $0.insert(key) }
        signals.send(.accessChanged)
    }

    package func revokeServerKey(_ id: String) async throws(StoreError) -> Bool {
        let isThere = try await database.write { [clock = database.clock] in
            try $0.revokeServerKey(id, at: clock.now())
        }
        if isThere {
            signals.send(.accessChanged)
        }
        return isThere
    }

    package func recordUse(ofServerKeys hours: [String: Instant]) async throws(StoreError) {
        try await database.write { database in
            for (id, hour) in hours {
                try database.recordUse(ofServerKey: id, at: hour)
            }
        }
    }
}
