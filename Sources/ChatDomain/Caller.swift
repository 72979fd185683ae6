/// Who makes a request, and with which rights.
///
/// Everything that depends on the caller takes it as a parameter: operations, writes and streams.
package struct Caller: Hashable, Sendable {
    /// The author of what the caller writes; nil without a user.
    package let author: UserID?
    /// What the caller may do.
    package let rights: AccessRights

    package init(author: UserID?, rights: AccessRights) {
        self.author = author
        self.rights = rights
    }

    /// A caller without a credential, in open mode.
    package static let anonymous = Caller(author: nil, rights: .unrestricted)

    /// Decides whether the caller may do something in a chat.
    ///
    /// No chat has members yet, so users have only the roles that their tokens grant.
    package func decide(_ action: ChatAction, in chat: ChatID) -> AccessDecision {
        rights.decide(action, in: chat, membership: nil)
    }
}
