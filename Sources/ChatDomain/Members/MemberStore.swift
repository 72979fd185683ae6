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

    /// Returns a page of current members with ids above `user`; nil starts with the first member.
    ///
    /// - Parameter limit: The maximum number of members, at least 1.
    func members(
        of chat: ChatID,
        after user: UserID?,
        limit: Int,
        by caller: Caller
    ) async throws(StoreError) -> MemberPage

    /// Moves the read marker of the caller's user; waits in the queue of the chat's messages.
    ///
    /// It moves forward only, unless the request says otherwise.
    ///
    /// - Throws: `StoreError.chatNotFound`, and `StoreError.forbidden` if the user is no member.
    func moveReadMarker(_ request: ReadMarkerRequest) async throws(StoreError)

    /// Returns what the caller's user has read of a chat.
    ///
    /// - Parameter position: Up to where the user has read, although the marker does not say so yet; nil if the marker
    ///   is current.
    /// - Throws: `StoreError.chatNotFound`, and `StoreError.forbidden` if the user is no member.
    func readState(of chat: ChatID, by caller: Caller, after position: Position?) async throws(StoreError) -> ReadState

    /// Returns the number of chats of which the user is a member and has unread messages.
    func unreadChatCount(of user: UserID) async throws(StoreError) -> Int

    /// Returns a user's membership, which may have ended; nil if there never was one or the chat does not exist.
    func membership(_ reference: MemberReference) async throws(StoreError) -> Member?
}
