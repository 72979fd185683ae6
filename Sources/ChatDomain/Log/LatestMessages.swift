/// Names a chat, and how many of its latest messages to read.
package struct LatestMessagesQuery: Hashable, Sendable {
    /// May name a chat that does not exist.
    package let chatID: ChatID
    /// The maximum number of messages, at least 1.
    package let limit: Int

    package init(chatID: ChatID, limit: Int) {
        self.chatID = chatID
        self.limit = limit
    }
}

/// Identifies the state of a log: if it is unchanged, so is the chat.
///
/// The position alone does not suffice: a deleted chat that an import restores or replaces may reach the same position
/// with other entries. Position and instant do not suffice across epochs.
package struct LogEnd: Hashable, Sendable {
    /// The epoch of the snapshot in which the log was read.
    package let epoch: Epoch
    /// The log's last position; 0 for an empty log.
    package let position: Position
    /// The instant of the last entry; for an empty log, when the chat was created.
    package let instant: Instant

    package init(epoch: Epoch, position: Position, instant: Instant) {
        self.epoch = epoch
        self.position = position
        self.instant = instant
    }
}

/// A conditional read of a chat's latest messages.
package struct LatestMessagesRequest: Hashable, Sendable {
    /// What to read if the log has changed.
    package let query: LatestMessagesQuery
    /// Where the log ended when the caller last made the same request; nil reads unconditionally.
    package let known: LogEnd?

    package init(_ query: LatestMessagesQuery, known: LogEnd? = nil) {
        self.query = query
        self.known = known
    }

    /// The request's weight in a batch: 1 per 20 messages, rounded up, so that a batch of long reads stays within a few
    /// megabytes.
    package var weight: Int {
        (query.limit + 19) / 20
    }
}

/// A conditional read with its caller.
///
/// Callers with the same request share one read of the chat; only the decision whether they may see it is their own.
package struct LatestMessagesRead: Sendable {
    package let request: LatestMessagesRequest
    package let caller: Caller

    package init(_ request: LatestMessagesRequest, by caller: Caller) {
        self.request = request
        self.caller = caller
    }

    /// The membership that decides whether the caller may read the chat; nil if the rights alone decide.
    package var membership: MemberReference? {
        caller.membership(for: .read, in: request.query.chatID)
    }

    /// Returns the caller's result.
    ///
    /// - Parameters:
    ///   - shared: The result of the request.
    ///   - role: The caller's role in the chat, in the same snapshot; nil for none.
    package func result(
        _ shared: Result<LatestMessages?, StoreError>,
        role: ChatRole?
    ) -> Result<LatestMessages?, StoreError> {
        let chat = request.query.chatID
        return caller.rights.decide(.read, in: chat, membership: role) == .allowed ? shared : .failure(.chatNotFound)
    }
}

/// A chat's latest messages, and where its log ended when they were read.
package struct LatestMessages: Equatable, Sendable {
    /// The chat and at most `LatestMessagesQuery.limit` messages.
    package let chat: ChatWithMessages
    /// Pass this as `LatestMessagesRequest.known` in the next request.
    package let end: LogEnd

    package init(chat: ChatWithMessages, end: LogEnd) {
        self.chat = chat
        self.end = end
    }

    /// Returns the chat with other states of its streamed messages, and without the oldest messages if the texts are then
    /// too long for a page.
    ///
    /// Without streamed messages, none is left out, as in the original service.
    package func map(_ transform: (Message) -> Message) -> LatestMessages {
        guard chat.messages.contains(where: { $0.stream != nil }) else { return self }
        let messages = chat.messages.reversed().map(transform).withinPage { $0.text }
        return LatestMessages(chat: ChatWithMessages(chat: chat.chat, messages: messages.reversed()), end: end)
    }
}
