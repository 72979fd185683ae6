package import ChatDomain

extension Caller {
    /// A user with a role in every chat.
    package static func user(_ id: UserID, _ role: ChatRole = .owner) -> Caller {
        Caller(author: id, rights: .user(.user, Grants(everywhere: role)))
    }

    /// A user without a grant, who may do what memberships permit.
    package static func ungranted(_ id: UserID) -> Caller {
        Caller(author: id, rights: .user(.user))
    }

    /// A user who passes every check.
    package static func administrator(_ id: UserID) -> Caller {
        Caller(author: id, rights: .user(.admin))
    }
}
