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

    /// Makes a user a member with a role, or changes a member's role.
    ///
    /// - Throws: `StoreError.lastOwner`.
    package func setRole(
        _ caller: Caller,
        of user: UserID,
        in chat: ChatID,
        to role: ChatRole
    ) async throws(StoreError) -> Member {
        let members = try await changeMembers(caller, of: chat, .setRole(user, role))
        guard let member = members.first else { throw .memberNotFound }
        return member
    }

    /// Reads a page of members, in the order of the bytes of their ids.
    ///
    /// Receipts are for the members: a caller with a user who is none gets them only as an administrator.
    ///
    /// - Parameter user: The last member of the previous page; nil for the first page.
    package func listMembers(
        _ caller: Caller,
        of chat: ChatID,
        after user: UserID?,
        limit: Int
    ) async throws(StoreError) -> MemberPage {
        let page = try await store.members(of: chat, after: user, limit: limit, by: caller)
        guard page.hasReceipts else { return page }
        if let reader = caller.author, !caller.rights.isAdministrator,
            try await store.membership(MemberReference(chatID: chat, userID: reader))?.currentRole == nil
        {
            return page.withoutReceipts
        }
        guard await readMarkers.flush(page.members.map(\.reference)) else { return page }
        return try await store.members(of: chat, after: user, limit: limit, by: caller)
    }

    /// Creates the chat between the caller's user and another one, or finds the one that either of them created.
    ///
    /// Both are members of it afterward, also if one of them had left.
    ///
    /// - Throws: `StoreError.forbidden` if the caller has no user, is this user or may not create chats, and
    ///   `StoreError.chatNotFound` if the chat is deleted each time that it is found.
    package func openDirectChat(_ caller: Caller, with other: UserID) async throws(StoreError) -> Accepted<Chat> {
        guard let user = caller.author, let pair = UserPair(user, other), let both = MemberIDs([user, other]) else {
            throw .forbidden
        }
        guard caller.rights.mayCreateChats else { throw .forbidden }
        // An attempt may find a chat that is deleted before both are members of it.
        for _ in 1...3 {
            do throws(StoreError) {
                return try await openDirectChat(caller, of: pair, both, as: user)
            } catch {
                guard case .chatNotFound = error else { throw error }
            }
        }
        throw .chatNotFound
    }

    private func openDirectChat(
        _ caller: Caller,
        of pair: UserPair,
        _ both: MemberIDs,
        as user: UserID
    ) async throws(StoreError) -> Accepted<Chat> {
        let opened = try await store.createChat(ChatDraft(direct: pair), by: caller)
        guard opened.isReplay else { return opened }
        // The chat is theirs, whatever the membership of the caller permits.
        let owner = Caller(author: user, rights: .unrestricted)
        _ = try await store.changeMembers(MemberRequest(.add(both, as: .member), in: opened.value.id, by: owner))
        return Accepted(try await store.chat(opened.value.id), isReplay: true)
    }
}
