/// The extent of a server key's rights.
package enum ServerKeyScope: Hashable, Sendable {
    case admin
    /// Reads and posts in every chat, and acts as any user.
    case post
    /// Reads every chat.
    case read
    /// Acts as this user, and as no other.
    case bot(UserID)

    /// A regular expression that matches exactly the valid texts.
    package static let pattern = "^(admin|post|read|bot:[!-~]{1,\(UserID.maximumLength)})$"

    /// Parses `admin`, `post`, `read` or `bot:<user id>`.
    package init?(_ text: String) {
        switch text {
        case "admin": self = .admin
        case "post": self = .post
        case "read": self = .read
        default:
            guard text.hasPrefix("bot:"), let id = UserID(String(text.dropFirst(4))) else { return nil }
            self = .bot(id)
        }
    }

    /// The form in the database and on the command line.
    package var text: String {
        switch self {
        case .admin: "admin"
        case .post: "post"
        case .read: "read"
        case .bot(let id): "bot:\(id.value)"
        }
    }

    /// The rights of a request without `Act-As`.
    package var rights: AccessRights {
        switch self {
        case .admin: .unrestricted
        case .post: .everyChat(.member)
        case .read: .everyChat(.reader)
        case .bot: .user(.bot)
        }
    }

    /// The user in whose name requests without `Act-As` are made; nil for none.
    package var bot: UserID? {
        if case .bot(let id) = self { id } else { nil }
    }

    /// Whether requests may act as any user (`Act-As`), with that user's rights.
    package var mayActAsUsers: Bool {
        switch self {
        case .admin, .post: true
        case .read, .bot: false
        }
    }
}
