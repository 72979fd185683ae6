package import ChatDomain

extension PostgresStore {
    package func standing(
        of id: UserID,
        creatingWith name: UserName?,
        _ kind: User.Kind
    ) async throws(StoreError) -> UserStanding {
        throw .failed(reason: "missing")
    }

    package func users(withIDs ids: [UserID]) async throws(StoreError) -> [User] {
        throw .failed(reason: "missing")
    }

    package func putUser(_ id: UserID, _ profile: UserProfile) async throws(StoreError) -> User {
        throw .failed(reason: "missing")
    }

    package func deleteUser(_ id: UserID, erasesMessages: Bool) async throws(StoreError) {
        throw .failed(reason: "missing")
    }

    package func revokeTokens(of user: UserID?) async throws(StoreError) {
        throw .failed(reason: "missing")
    }

    package func eraseMessages() async throws(StoreError) -> Bool {
        false
    }

    package func accessChanges(after version: Int64) async throws(StoreError) -> AccessChanges {
        AccessChanges(version: 0, tokensValidAfter: nil, users: [:])
    }

    package func serverKeys() async throws(StoreError) -> [ServerKeyRecord] {
        []
    }

    package func addServerKey(_ key: ServerKeyRecord) async throws(StoreError) {
        throw .failed(reason: "missing")
    }

    package func revokeServerKey(_ id: String) async throws(StoreError) -> Bool {
        throw .failed(reason: "missing")
    }

    package func recordUse(ofServerKeys hours: [String: Instant]) async throws(StoreError) {}
}
