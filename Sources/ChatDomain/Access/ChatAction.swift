/// An action in a chat, for which a role is required.
package enum ChatAction: CaseIterable, Hashable, Sendable {
    case read
    case follow
    case markAsRead

    case post
    case react
    case editOwnMessage
    case deleteOwnMessage

    case deleteOthersMessage
    case pin
    /// Removes a member or a reader.
    case removeMember
    case setSlowMode
    case addMember

    case editChat
    /// Grants a role below the caller's own.
    case grantRole
    case deleteChat
    case appointOwner

    /// Administrators only.
    case editOthersMessage

    /// Making someone a member in a role.
    package static func adding(_ role: ChatRole) -> ChatAction {
        role <= .member ? .addMember : granting(role)
    }

    /// Removing a member with this role.
    package static func removing(_ role: ChatRole) -> ChatAction {
        role <= .member ? .removeMember : granting(role)
    }

    /// Giving a member a role, or taking it away.
    package static func granting(_ role: ChatRole) -> ChatAction {
        role < .owner ? .grantRole : .appointOwner
    }

    /// The lowest role that permits the action; nil if none does.
    package var minimumRole: ChatRole? {
        switch self {
        case .read, .follow, .markAsRead: .reader
        case .post, .react, .editOwnMessage, .deleteOwnMessage: .member
        case .deleteOthersMessage, .pin, .removeMember, .setSlowMode, .addMember: .moderator
        case .editChat, .grantRole, .deleteChat, .appointOwner: .owner
        case .editOthersMessage: nil
        }
    }
}
