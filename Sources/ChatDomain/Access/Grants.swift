/// Roles that a token grants without a membership, for uses such as support widgets and previews.
package struct Grants: Hashable, Sendable {
    /// The role in every chat; nil for none.
    package let everywhere: ChatRole?
    /// Roles in individual chats.
    package let chats: [ChatID: ChatRole]

    package init(everywhere: ChatRole? = nil, chats: [ChatID: ChatRole] = [:]) {
        self.everywhere = everywhere
        self.chats = chats
    }

    /// Parses a token's claim, such as `{"42": "member", "*": "reader"}`.
    ///
    /// Returns nil unless every key is a chat's id or `*`, and every value a role.
    package init?(claim: [String: String]) {
        var everywhere: ChatRole?
        var chats: [ChatID: ChatRole] = [:]
        for (key, value) in claim {
            guard let role = ChatRole(rawValue: value) else { return nil }
            if key == "*" {
                everywhere = role
            } else if let id = Int64(key), String(id) == key {
                chats[ChatID(rawValue: id)] = role
            } else {
                return nil
            }
        }
        self.init(everywhere: everywhere, chats: chats)
    }

    /// The form in a token.
    package var claim: [String: String] {
        var claim = Dictionary(uniqueKeysWithValues: chats.map { (String($0.key.rawValue), $0.value.rawValue) })
        claim["*"] = everywhere?.rawValue
        return claim
    }

    /// Returns the higher of the role in this chat and the role in every chat.
    package func role(in chat: ChatID) -> ChatRole? {
        [everywhere, chats[chat]].compactMap(\.self).max()
    }
}
