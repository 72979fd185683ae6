package import ChatDomain

/// Only administrators may change users; any caller may read them.
extension Operations {
    /// Creates a user, or replaces the user's profile as a whole.
    ///
    /// - Throws: `StoreError.forbidden`.
    package func putUser(_ caller: Caller, _ id: UserID, _ profile: UserProfile) async throws(StoreError) -> User {
        try requireAdministrator(caller)
        return try await store.putUser(id, profile)
    }

    /// Reads a user, who may be deactivated.
    ///
    /// - Throws: `StoreError.userNotFound`.
    package func readUser(_ caller: Caller, _ id: UserID) async throws(StoreError) -> User {
        guard let user = try await store.users(withIDs: [id]).first else { throw .userNotFound }
        return user
    }

    /// Reads those of the users that exist, in the order of the ids.
    package func readUsers(_ caller: Caller, _ ids: [UserID]) async throws(StoreError) -> [User] {
        try await store.users(withIDs: ids)
    }

    /// Reads the user in whose name the caller makes requests; nil without one.
    package func readOwnUser(_ caller: Caller) async throws(StoreError) -> User? {
        guard let id = caller.author else { return nil }
        return try await store.users(withIDs: [id]).first
    }

    /// Removes the person and keeps the id, which is deactivated.
    ///
    /// - Parameter erasesMessages: Whether to turn the user's messages into tombstones, in the background.
    /// - Throws: `StoreError.forbidden` and `StoreError.userNotFound`.
    package func deleteUser(_ caller: Caller, _ id: UserID, erasesMessages: Bool) async throws(StoreError) {
        try requireAdministrator(caller)
        try await store.deleteUser(id, erasesMessages: erasesMessages)
        if erasesMessages {
            onDeletion()
        }
    }

    /// Makes the tokens that were issued before now void.
    ///
    /// - Parameter user: The user; nil for all users.
    /// - Throws: `StoreError.forbidden`.
    package func revokeTokens(_ caller: Caller, of user: UserID?) async throws(StoreError) {
        try requireAdministrator(caller)
        try await store.revokeTokens(of: user)
    }
}
