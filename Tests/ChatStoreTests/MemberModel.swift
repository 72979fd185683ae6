import ChatDomain

/// The members that a chat must have after the acknowledged changes: the specification in its plainest form.
struct MemberModel {
    private(set) var chat: ChatID
    private(set) var visibility: ChatVisibility
    private(set) var members: [UserID: Member] = [:]
    /// What the log's entries about members must say.
    private(set) var entries: [Position: MemberEntry] = [:]
    private(set) var lastPosition = Position(rawValue: 0)

    init(_ chat: ChatID, _ visibility: ChatVisibility, owner: UserID) {
        self.chat = chat
        self.visibility = visibility
        enter(.joined([owner], as: .owner))
    }

    var currentMembers: [Member] {
        members.values.filter { $0.leftAt == nil }.sorted { $0.reference.userID.value < $1.reference.userID.value }
    }

    /// A user's role, which in an open chat is at least that of a reader.
    func role(of user: UserID) -> ChatRole? {
        membership(of: user) ?? (visibility == .open ? .reader : nil)
    }

    mutating func post(by user: UserID) -> StoreError? {
        guard let role = role(of: user) else { return .chatNotFound }
        if role < .member { return .forbidden }
        advance()
        if membership(of: user) != nil {
            members[user]?.moveReadMarker(to: lastPosition)
        }
        return nil
    }

    /// Changes the members as the user requests; returns the error instead if the user may not.
    mutating func change(_ change: MemberChange, by user: UserID) -> StoreError? {
        guard let own = role(of: user) else { return .chatNotFound }
        switch change {
        case .add(let users, let role): return add(users.ids, as: role, by: user, own)
        case .setRole(let target, let role):
            guard let old = membership(of: target) else { return add([target], as: role, by: user, own) }
            let stepsDown = target == user && role <= old
            guard stepsDown || own == .owner else { return .forbidden }
            if old == role { return nil }
            if old == .owner, isLastOwner { return .lastOwner }
            enter(.updated([target], to: role))
        case .remove(let target):
            let old = membership(of: target)
            let mayRemove = own == .owner || own == .moderator && (old ?? .reader) <= .member
            guard target == user || mayRemove else { return .forbidden }
            if old == nil { return .memberNotFound }
            if old == .owner, isLastOwner { return .lastOwner }
            enter(.left([target]))
        }
        return nil
    }

    private mutating func add(_ users: [UserID], as role: ChatRole, by user: UserID, _ own: ChatRole) -> StoreError? {
        let joins = visibility == .open && users == [user] && role <= .member
        guard joins || own == .owner || own == .moderator && role <= .member else { return .forbidden }
        let new = users.filter { membership(of: $0) == nil }
        if !new.isEmpty {
            enter(.joined(new, as: role))
        }
        return nil
    }

    private func membership(of user: UserID) -> ChatRole? {
        members[user].flatMap { $0.leftAt == nil ? $0.role : nil }
    }

    private var isLastOwner: Bool {
        members.values.count { $0.leftAt == nil && $0.role == .owner } == 1
    }

    private mutating func advance() {
        lastPosition = Position(rawValue: lastPosition.rawValue + 1)
    }

    private mutating func enter(_ entry: MemberEntry) {
        advance()
        entries[lastPosition] = entry
        for user in entry.users {
            let old = members[user]
            members[user] = Member(
                MemberReference(chatID: chat, userID: user),
                role: entry.role ?? old?.role ?? .owner,
                joinedAt: entry.kind == .memberJoined ? lastPosition : old?.joinedAt ?? lastPosition,
                leftAt: entry.kind == .memberLeft ? lastPosition : nil,
                readPosition: old?.readPosition ?? lastPosition
            )
        }
    }
}
