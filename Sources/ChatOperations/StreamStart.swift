package import ChatDomain
package import ChatLive
package import ChatWire

/// What a stream starts with, as its caller may see it.
package struct StreamStart: Sendable {
    package enum Scope: Sendable {
        case chat
        /// Several chats on one connection.
        case chats
        /// All chats, including those that are created later.
        case allChats
    }

    package let scope: Scope
    package let caller: Caller
    package let epoch: Epoch
    package var chats: [SubscriptionStart] = []
    /// Chats that the client followed before and that have been deleted since.
    package var deleted: [ChatID] = []
    /// Chats that the client followed before and that have given way to others, with the last entry that the client has.
    package var unfollowed: [(chatID: ChatID, position: Position)] = []
    /// If a stream of all chats leaves some of them out, the newest chat that it knows of.
    package var newest: ChatID?

    package init(scope: Scope, caller: Caller, epoch: Epoch, chats: [SubscriptionStart] = []) {
        self.scope = scope
        self.caller = caller
        self.epoch = epoch
        self.chats = chats
    }
}

/// A chat to follow.
package struct FollowRequest: Sendable {
    package let chatID: ChatID
    /// The last entry that the client has; nil to start at the end of the log.
    package let place: LogPlace?

    package init(chatID: ChatID, place: LogPlace?) {
        self.chatID = chatID
        self.place = place
    }
}
