/// Stores the members of a `ChatStore`'s chats.
///
/// Every store guarantees the following, and the conformance suite proves it:
/// - A membership changes only together with an entry of its chat's log, in one transaction. A change that would change
///   nothing adds no entry.
/// - Whether the caller may make a change is decided in that transaction, from the memberships of that moment.
package protocol MemberStore: Sendable {
    /// Adds or removes members, or changes a role; waits in the queue of the chat's messages.
    ///
    /// - Returns: The users whom the change names, in its order, in their new state.
    /// - Throws: `StoreError.chatNotFound`, `StoreError.forbidden`, `StoreError.memberNotFound` if the user to remove is
    ///   no member, and `StoreError.lastOwner`.
    func changeMembers(_ request: MemberRequest) async throws(StoreError) -> [Member]

    /// Returns up to `limit` current members with ids above `user`, in the order of the ids' bytes; nil starts with the
    /// first member.
    ///
    /// - Parameter limit: The maximum number of members, at least 1.
    func members(
        of chat: ChatID,
        after user: UserID?,
        limit: Int,
        by caller: Caller
    ) async throws(StoreError) -> [Member]

    /// Returns a user's membership, which may have ended; nil if there never was one or the chat does not exist.
    func membership(_ reference: MemberReference) async throws(StoreError) -> Member?
}
