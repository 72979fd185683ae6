package import ChatDomain

extension Operations {
    /// Adds members, removes one, or changes a role, and returns the users whom the change names in their new state.
    ///
    /// A change that changes nothing adds no log entry.
    ///
    /// - Throws: `StoreError.memberNotFound` if the user to remove is no member, and `StoreError.lastOwner`.
    package func changeMembers(
        _ caller: Caller,
        of chat: ChatID,
        _ change: MemberChange
    ) async throws(StoreError) -> [Member] {
        try await store.changeMembers(MemberRequest(change, in: chat, by: caller))
    }

    /// Reads a page of members, in the order of the bytes of their ids.
    ///
    /// - Parameter user: The last member of the previous page; nil for the first page.
    package func listMembers(
        _ caller: Caller,
        of chat: ChatID,
        after user: UserID?,
        limit: Int
    ) async throws(StoreError) -> [Member] {
        try await store.members(of: chat, after: user, limit: limit, by: caller)
    }
}
