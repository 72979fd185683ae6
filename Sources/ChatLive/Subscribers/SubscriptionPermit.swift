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

/// What permits a user's new credential to follow the chats of a connection.
package struct PermitRenewal: Sendable {
    /// The epoch in which the chats were read.
    package let epoch: Epoch
    /// Without the chats that the user may not follow; each with the end of its log when it was read.
    package let chats: [ChatID: (permit: SubscriptionPermit, end: Position)]

    package init(epoch: Epoch, chats: [ChatID: (permit: SubscriptionPermit, end: Position)]) {
        self.epoch = epoch
        self.chats = chats
    }
}
