package import ChatDomain

extension Caller {
    /// A user with a role in every chat.
    package static func user(_ id: UserID, _ role: ChatRole = .owner) -> Caller {
        Caller(author: id, rights: .user(.user, Grants(everywhere: role)))
    }

    /// A user who passes every check.
    package static func administrator(_ id: UserID) -> Caller {
        Caller(author: id, rights: .user(.admin))
    }
}
