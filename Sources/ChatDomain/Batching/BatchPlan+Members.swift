/// What the members of a chat may do, how its members change, and what they have read.
extension BatchPlan {
    /// Requires that the caller may do something in a chat, with the memberships after the requests planned so far.
    func authorize(_ caller: Caller, to action: ChatAction, in chat: Chat) throws(StoreError) {
        let membership = caller.author.flatMap { currentRole(of: $0, in: chat) }
        try caller.decide(action, in: chat, membership: membership).requireAllowed()
    }

    mutating func changeMembers(_ request: MemberRequest) throws(StoreError) -> Outcome {
        var head = try head(of: request.chatID)
        let chat = head.chat
        if let entry = try entry(for: request, in: chat) {
            advance(&head)
            let position = head.chat.lastPosition
            writes.changes.append(LogRecord(entry, in: chat.id, at: position, by: request.caller.author, head.instant))
            for member in entry.members(of: chat.id, at: position, after: self.member) {
                store(member)
            }
        }
        let references = request.change.users.map { MemberReference(chatID: chat.id, userID: $0) }
        return .done(.membersChanged(references.compactMap(member)))
    }

    mutating func moveReadMarker(_ request: ReadMarkerRequest) throws(StoreError) -> Outcome {
        let chat = try head(of: request.chatID).chat
        try authorize(request.caller, to: .markAsRead, in: chat)
        guard let reference = request.member, member(reference)?.currentRole != nil else { throw .forbidden }
        let position = min(request.position, chat.lastPosition)
        moveReadMarker(of: reference, to: position, movesBack: request.movesBack)
        return .done(.readMarkerMoved)
    }

    /// Moves the read marker of a current member; others have none.
    mutating func moveReadMarker(of reference: MemberReference, to position: Position, movesBack: Bool = false) {
        guard var member = member(reference), member.currentRole != nil else { return }
        guard movesBack ? position != member.readPosition : position > member.readPosition else { return }
        member.moveReadMarker(to: position)
        writes.members[reference] = member
    }

    /// Returns the entry of a change that the caller may make; nil if it changes nothing.
    private func entry(for request: MemberRequest, in chat: Chat) throws(StoreError) -> MemberEntry? {
        let caller = request.caller
        switch request.change {
        case .add(let users, let role):
            return try addition(of: users.ids, as: role, to: chat, by: caller)
        case .setRole(let user, let role):
            guard let old = currentRole(of: user, in: chat) else {
                return try addition(of: [user], as: role, to: chat, by: caller)
            }
            // Anyone may give up a role.
            let givesUp = user == caller.author && role <= old
            try authorize(caller, to: givesUp ? .read : .granting(max(old, role)), in: chat)
            if role == old { return nil }
            try requireAnotherOwner(than: old, in: chat, for: caller)
            return .updated([user], to: role)
        case .remove(let user):
            let role = currentRole(of: user, in: chat)
            // Anyone may leave.
            try authorize(caller, to: user == caller.author ? .read : .removing(role ?? .reader), in: chat)
            guard let role else { throw .memberNotFound }
            try requireAnotherOwner(than: role, in: chat, for: caller)
            return .left([user])
        }
    }

    private func addition(
        of users: [UserID],
        as role: ChatRole,
        to chat: Chat,
        by caller: Caller
    ) throws(StoreError) -> MemberEntry? {
        let joinsOpenChat = chat.visibility == .open && role <= .member && caller.author.map { [$0] } == users
        try authorize(caller, to: joinsOpenChat ? .read : .adding(role), in: chat)
        let newMembers = users.filter { currentRole(of: $0, in: chat) == nil }
        return newMembers.isEmpty ? nil : .joined(newMembers, as: role)
    }

    /// Requires that an owner whose role is taken away is not the last one; administrators may take it nevertheless.
    private func requireAnotherOwner(than role: ChatRole, in chat: Chat, for caller: Caller) throws(StoreError) {
        if role < .owner || caller.rights.isAdministrator { return }
        let count = priorState.ownerCounts[chat.id, default: 0] + ownerChanges[chat.id, default: 0]
        guard count > 1 else { throw .lastOwner }
    }

    func currentRole(of user: UserID, in chat: Chat) -> ChatRole? {
        member(MemberReference(chatID: chat.id, userID: user))?.currentRole
    }

    /// A membership after the requests planned so far.
    private func member(_ reference: MemberReference) -> Member? {
        writes.members[reference] ?? priorState.members[reference]
    }

    /// The memberships of which the entries of the batch do not tell the inboxes.
    func changedMemberships(createdChats: [ChatID]) -> [MemberReference] {
        let changed = writes.members.values.filter { member in
            let reference = member.reference
            return writes.movedHeads[reference.chatID] == nil
                || member.leftAt == nil && member.joinedAt != priorState.members[reference]?.joinedAt
        }
        let created = zip(writes.creations, createdChats).flatMap { $0.members(of: $1) }
        return (changed + created).map(\.reference)
    }

    private mutating func store(_ member: Member) {
        let reference = member.reference
        let wasOwner = self.member(reference)?.currentRole == .owner
        let isOwner = member.currentRole == .owner
        ownerChanges[reference.chatID, default: 0] += (isOwner ? 1 : 0) - (wasOwner ? 1 : 0)
        writes.members[reference] = member
    }
}
