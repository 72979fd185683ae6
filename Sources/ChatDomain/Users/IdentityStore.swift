/// Stores users and server keys, next to the chats of a `ChatStore`.
///
/// Every store guarantees the following, and the conformance suite proves it:
/// - When a method returns, its change is on disk. When it throws, it has changed nothing, unless it throws
///   `StoreError.outcomeUnknown`, which neither reads nor `standing` do.
/// - A change of a user's standing, of the instant before which all tokens are void, or of a server key counts up the
///   version of `accessChanges` in its transaction and is followed by the signal `LogSignal.accessChanged`. Versions
///   are in commit order.
/// - Instants come from the store's clock.
package protocol IdentityStore: Sendable {
    /// Returns a user's standing, and creates the user if this is the first request in the user's name.
    ///
    /// A new user's standing is that of an unknown one, so creating a user is no change of access.
    ///
    /// - Parameters:
    ///   - name: Used only for a new user.
    ///   - kind: Used only for a new user.
    func standing(
        of id: UserID,
        creatingWith name: UserName?,
        _ kind: User.Kind
    ) async throws(StoreError) -> UserStanding

    /// Returns those of the users that exist, in the order of the ids.
    func users(withIDs ids: [UserID]) async throws(StoreError) -> [User]

    /// Creates a user or replaces the profile of one, and returns the user.
    ///
    /// Deactivating makes the user's tokens void. A later reactivation does not make them valid again.
    func putUser(_ id: UserID, _ profile: UserProfile) async throws(StoreError) -> User

    /// Removes the person: the name, the picture and the metadata; the id stays, deactivated.
    ///
    /// Deleting a user twice is no error.
    ///
    /// - Parameter erasesMessages: Whether `eraseMessages` also turns the messages posted so far into tombstones. An
    ///   erasure that an earlier deletion requested continues in any case.
    /// - Throws: `StoreError.userNotFound`.
    func deleteUser(_ id: UserID, erasesMessages: Bool) async throws(StoreError)

    /// Makes the tokens that were issued before now void.
    ///
    /// - Parameter user: The user, who is created if there is none; nil for all users.
    func revokeTokens(of user: UserID?) async throws(StoreError)

    /// Erases a bounded number of messages of deleted users, as ordinary log entries by those users.
    ///
    /// What an earlier call has erased stays erased if this one fails; several processes may erase at once.
    ///
    /// - Returns: Whether there may be more; call it again until it returns false.
    func eraseMessages() async throws(StoreError) -> Bool

    /// Reads what changed about access after a version.
    ///
    /// - Parameter version: 0 for the standings of all users who ever lost access.
    func accessChanges(after version: Int64) async throws(StoreError) -> AccessChanges

    /// Returns 32 random bytes that never change, with which every server on the database signs tickets.
    func ticketSecret() async throws(StoreError) -> [UInt8]

    /// Returns all keys, revoked ones too, in the order in which they were created.
    func serverKeys() async throws(StoreError) -> [ServerKeyRecord]

    /// Adds a key.
    ///
    /// - Throws: `StoreError.invalidValue` if there is a key with this id.
    func addServerKey(_ key: ServerKeyRecord) async throws(StoreError)

    /// Revokes a key; one that is revoked stays as it is.
    ///
    /// - Returns: Whether there is such a key.
    func revokeServerKey(_ id: String) async throws(StoreError) -> Bool

    /// Records when keys were last used; this is no change of access, and an earlier hour than the recorded one is
    /// ignored.
    func recordUse(ofServerKeys hours: [String: Instant]) async throws(StoreError)
}

/// Everything that the service stores, in one database.
package typealias ServiceStore = ChatStore & IdentityStore & InboxStore & MemberStore & ObservableStore & WebhookStore
