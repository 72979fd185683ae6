package import ChatDomain

/// Where a subscription to a chat starts, and the chat as it was found then.
package struct SubscriptionStart: Sendable {
    /// A chat that the client did not follow before.
    package struct News: Sendable {
        package let chat: Chat
        /// Whether it was created since the client last looked; otherwise it has only become active.
        package let isCreated: Bool
    }

    package let interest: TopicInterest
    /// The last entry that the client has.
    package let position: Position
    /// Where the log ended.
    package let end: Position
    /// When the last entry happened.
    package let endInstant: Instant
    package let epoch: Epoch
    package let news: News?

    /// - Parameter position: Nil for now.
    package init(
        _ interest: TopicInterest,
        of head: LogHead,
        after position: Position?,
        in epoch: Epoch,
        news: News? = nil
    ) {
        end = head.chat.lastPosition
        endInstant = head.instant
        self.interest = interest
        self.position = position ?? end
        self.epoch = epoch
        self.news = news
        interest.noteEnd(end, in: epoch)
    }

    /// A chat that joins a stream of all chats: with its whole log if it is new, otherwise with its last entries.
    package init(
        joining interest: TopicInterest,
        _ head: LogHead,
        isCreated: Bool,
        in epoch: Epoch,
        _ limits: StreamLimits
    ) {
        let last = max(0, head.chat.lastPosition.rawValue - limits.joiningEntries)
        self.init(
            interest,
            of: head,
            after: Position(rawValue: isCreated ? 0 : last),
            in: epoch,
            news: News(chat: head.chat, isCreated: isCreated)
        )
    }
}
