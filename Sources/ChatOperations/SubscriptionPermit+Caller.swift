package import ChatDomain
package import ChatLive

extension SubscriptionPermit {
    /// What permits a caller to follow a chat that the caller may read.
    init(_ caller: Caller, following chat: Chat) {
        let listing = SubscriptionPermit(caller, listing: chat.id)
        self = chat.visibility == .open && listing != .rights ? .visibility : listing
    }

    /// What puts a chat on a caller's list, to which an open chat belongs only with a membership.
    package init(_ caller: Caller, listing chat: ChatID) {
        self = caller.membership(for: .follow, in: chat).map { .membership($0.userID) } ?? .rights
    }
}
