package import ChatDomain

/// What permits a caller to follow a chat.
package enum SubscriptionPermit: Equatable, Sendable {
    /// The caller's rights alone.
    case rights
    /// The chat is open to every user.
    case visibility
    /// The user's membership: the subscription ends when the user leaves.
    case membership(UserID)
}
