package import ChatDomain
package import ChatLive
package import ChatWire

/// The chats a stream starts with, and those of an earlier stream that it leaves out.
package struct StreamStart: Sendable {
    /// The chats that a stream subscribes to.
    package enum Scope: Sendable {
        case chat
        /// Several chats on one connection.
        case chats
        /// All chats, including those that are created later.
        case allChats
        /// The inbox of the caller's user, and possibly chats.
        case inbox
    }

    /// Fixed for the lifetime of the stream; it also determines the form of event ids.
    package let scope: Scope
    /// The caller who opened the stream.
    package let caller: Caller
    /// The epoch in which the chats were read; the stream ends when it changes.
    package let epoch: Epoch
    /// In the order of the request; in a stream of all chats, most recently active first.
    package var chats: [SubscriptionStart] = []
    /// Chats that the client has had, by its cursor or its places, and that were deleted since, by id.
    package var deleted: [ChatID] = []
    /// Chats in the cursor of the client that gave way to more active ones, with the last position the client has, by
    /// id.
    package var unfollowed: [(chatID: ChatID, position: Position)] = []
    /// The newest chat known, if a stream of all chats leaves some out; nil otherwise.
    package var newest: ChatID?
    /// Limits a stream of one chat to the text of an open message; nil for all events.
    package var text: TextStart?
    /// In a stream of an inbox, up to where the client has it; nil in other streams.
    package var inbox: InboxCursor?

    package init(scope: Scope, caller: Caller, epoch: Epoch, chats: [SubscriptionStart] = []) {
        self.scope = scope
        self.caller = caller
        self.epoch = epoch
        self.chats = chats
    }
}

/// Where the client of a message's text starts.
package struct TextStart: Sendable {
    /// With the text that its readers get.
    package let message: Message
    /// What the writer of an open message is doing; nil if it did not say.
    package let status: String?
    /// How much of the text the client has, in Unicode scalars; not beyond its length.
    package let offset: Int

    /// - Throws: `OperationError.textTooShort` for an offset beyond the length.
    init(_ message: Message, status: String?, from offset: Int) throws(OperationError) {
        let length = message.text.unicodeScalars.count
        guard offset <= length else { throw .textTooShort(length: length) }
        self.message = message
        self.status = status
        self.offset = offset
    }

    package var reference: BatchPlan.MessageReference {
        message.reference
    }

    /// The text that the client lacks.
    package var piece: TextPiece {
        TextPiece(offset: offset, text: GrowingText(message.text).suffix(from: offset))
    }
}

/// A chat to subscribe to.
package struct FollowRequest: Sendable {
    /// May be any id; a missing chat without a place is rejected when the stream starts.
    package let chatID: ChatID
    /// The last entry that the client has; nil to start at the end of the log.
    package let place: LogPlace?

    package init(chatID: ChatID, place: LogPlace?) {
        self.chatID = chatID
        self.place = place
    }
}
