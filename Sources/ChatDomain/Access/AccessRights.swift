/// What a request's credential permits.
///
/// `Caller` says in whose name it is done.
package enum AccessRights: Hashable, Sendable {
    /// Passes every check: no credential in open mode, or a server key with the scope `admin`.
    case unrestricted
    /// The same role in every chat: a server key with the scope `post` or `read` that acts as no user.
    case everyChat(ChatRole)
    /// A user's rights: memberships, which the store knows, and grants from the token.
    case user(ApplicationRole, Grants = Grants())

    /// Decides whether the caller may do something in a chat.
    ///
    /// - Parameter membership: The role of the user's membership; nil for none.
    package func decide(_ action: ChatAction, in chat: ChatID, membership: ChatRole?) -> AccessDecision {
        let role: ChatRole?
        switch self {
        case .unrestricted, .user(.admin, _):
            return .allowed
        case .everyChat(let everywhere):
            role = everywhere
        case .user(_, let grants):
            role = [membership, grants.role(in: chat)].compactMap(\.self).max()
        }
        guard let role else { return .hidden }
        guard let minimum = action.minimumRole, role >= minimum else { return .forbidden }
        return .allowed
    }

    /// The chats that may be read without a membership; nil if that is all of them.
    package var readableChats: Set<ChatID>? {
        switch self {
        case .unrestricted, .everyChat, .user(.admin, _): nil
        case .user(_, let grants): grants.everywhere == nil ? Set(grants.chats.keys) : nil
        }
    }

    /// Whether every check is passed.
    package var isAdministrator: Bool {
        switch self {
        case .unrestricted, .user(.admin, _): true
        default: false
        }
    }

    /// The role in the application; nil for a server key that acts as no user and is not an administrator's.
    package var applicationRole: ApplicationRole? {
        switch self {
        case .unrestricted: .admin
        case .everyChat: nil
        case .user(let role, _): role
        }
    }

    /// Whether the caller may create chats.
    package var mayCreateChats: Bool {
        switch self {
        case .unrestricted, .user(.admin, _), .user(.user, _), .user(.bot, _): true
        case .everyChat(let role): role >= .member
        case .user(.guest, _): false
        }
    }
}

/// The answer to whether a caller may do something in a chat.
package enum AccessDecision: Hashable, Sendable {
    case allowed
    /// The caller must not learn that the chat exists, so the response is the one for a missing chat.
    case hidden
    /// The caller may see the chat but not do this.
    case forbidden

    /// Throws unless the action is allowed.
    ///
    /// - Throws: `StoreError.chatNotFound` or `StoreError.forbidden`.
    package func requireAllowed() throws(StoreError) {
        switch self {
        case .allowed: break
        case .hidden: throw .chatNotFound
        case .forbidden: throw .forbidden
        }
    }
}
