/// Who makes a request, and with which rights.
///
/// Everything that depends on the caller takes it as a parameter: operations, writes and streams.
package struct Caller: Hashable, Sendable {
    /// The author of what the caller writes; nil without a user.
    package let author: UserID?
    /// What the caller may do.
    package let rights: AccessRights
    /// Whether a server key makes the request in the user's name, with `Act-As`.
    package let isDelegated: Bool

    package init(author: UserID?, rights: AccessRights, isDelegated: Bool = false) {
        self.author = author
        self.rights = rights
        self.isDelegated = isDelegated
    }

    /// A caller without a credential, in open mode.
    package static let anonymous = Caller(author: nil, rights: .unrestricted)

    /// Decides by the caller's rights alone, as if the caller were no member of the chat.
    package func decide(_ action: ChatAction, in chat: ChatID) -> AccessDecision {
        rights.decide(action, in: chat, membership: nil)
    }

    /// Decides whether the caller may do something in a chat.
    ///
    /// - Parameter membership: The role of the caller's membership; nil for none, or if the rights alone decide.
    package func decide(_ action: ChatAction, in chat: Chat, membership: ChatRole?) -> AccessDecision {
        rights.decide(action, in: chat.id, membership: chat.visibility.role(withMembership: membership))
    }

    /// The chats that the caller may list; nil if that is all of them.
    package var listedChats: ChatListQuery.Scope? {
        rights.readableChats.map { ChatListQuery.Scope(chatIDs: $0, member: author) }
    }

    /// The membership whose read marker moves along when the caller posts; nil for a caller who need not have seen the
    /// chat: a bot, or a server key that acts as the user.
    package func readingMembership(in chat: ChatID) -> MemberReference? {
        guard let author, !isDelegated, rights.applicationRole != .bot else { return nil }
        return MemberReference(chatID: chat, userID: author)
    }

    /// The membership that decides whether the caller may do something in a chat; nil if the rights alone decide.
    package func membership(for action: ChatAction, in chat: ChatID) -> MemberReference? {
        guard let author, case .user = rights, decide(action, in: chat) != .allowed else { return nil }
        return MemberReference(chatID: chat, userID: author)
    }
}
