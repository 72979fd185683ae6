/// A requested change to a chat's members.
package enum MemberChange: Sendable {
    /// Adds those users who are not members yet; the others keep their roles.
    case add(MemberIDs, as: ChatRole)
    /// Adds the user, or changes the role of one who is a member.
    case setRole(UserID, ChatRole)
    /// Removes the user. Users who remove themselves leave the chat.
    case remove(UserID)

    /// The users whom the change names.
    package var users: [UserID] {
        switch self {
        case .add(let users, _): users.ids
        case .setRole(let user, _), .remove(let user): [user]
        }
    }
}

/// A requested change with its chat and caller.
package struct MemberRequest: Sendable {
    /// May name a chat that does not exist; the store then throws `StoreError.chatNotFound`.
    package let chatID: ChatID
    package let change: MemberChange
    /// Its user becomes the author of the entry; its rights and its membership decide whether it may make the change.
    package let caller: Caller

    package init(_ change: MemberChange, in chatID: ChatID, by caller: Caller) {
        self.chatID = chatID
        self.change = change
        self.caller = caller
    }
}

/// The users whom one entry about members names.
package struct MemberIDs: Hashable, Sendable {
    /// The maximum number of users.
    package static let maximumCount = 100
    /// The maximum length of the ids' JSON in bytes, which only ids full of quotes and backslashes exceed.
    private static let maximumLength = 16_000

    /// Without repetitions, in the order of the request.
    package let ids: [UserID]

    /// Drops repetitions; returns nil unless 1 to 100 users are left, whose ids fit an entry.
    package init?(_ ids: [UserID]) {
        var seen: Set<UserID> = []
        self.ids = ids.filter { seen.insert($0).inserted }
        let length = self.ids.reduce(0) { $0 + $1.json.utf8.count + 1 }
        guard 1...Self.maximumCount ~= seen.count, length <= Self.maximumLength else { return nil }
    }
}
