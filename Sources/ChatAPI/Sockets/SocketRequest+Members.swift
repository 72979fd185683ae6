import ChatDomain
import ChatWire

extension SocketRequest {
    /// A request about members.
    enum MemberOperation {
        case list(ChatID, after: UserID?)
        case add(MemberIDs, ChatID, as: ChatRole)
        case put(UserID, ChatID, ChatRole)
        case remove(UserID, ChatID)
        case openDirect(with: UserID)

        /// The names of the operations.
        static let names = ["members.list", "members.add", "members.put", "members.remove", "direct"]
    }
}

extension RequestValidator {
    /// An operation about members; nil for any other name, too.
    mutating func memberOperation(_ name: String, in object: JSONValue) -> SocketRequest.MemberOperation? {
        if name == "direct" { return userID("user", in: object).map { .openDirect(with: $0) } }
        let chatID = chatID(in: object)
        switch name {
        case "members.list":
            let cursor = memberCursor(in: object)
            guard let chatID, let cursor else { return nil }
            return .list(chatID, after: cursor.value)
        case "members.add":
            let users = users("users", in: object)
            let role = choice("role", in: object, default: ChatRole.member)
            guard let chatID, let users, let role else { return nil }
            return .add(users, chatID, as: role)
        case "members.put":
            let userID = userID("user_id", in: object)
            let role: ChatRole? = choice("role", in: object)
            guard let chatID, let userID, let role else { return nil }
            return .put(userID, chatID, role)
        case "members.remove":
            let userID = userID("user_id", in: object)
            guard let chatID, let userID else { return nil }
            return .remove(userID, chatID)
        default: return nil
        }
    }

    /// The member `cursor` of a request for a list of members, which may be absent or null.
    private mutating func memberCursor(in object: JSONValue) -> OptionalValue<UserID>? {
        guard let member = object.member("cursor"), member.kind != .null else { return OptionalValue(value: nil) }
        return userID("cursor", in: object).map { OptionalValue(value: $0) }
    }
}
