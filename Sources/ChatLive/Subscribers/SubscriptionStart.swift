package import ChatDomain

/// Where a subscription starts, with the state of its chat at that time.
package struct SubscriptionStart: Sendable {
    /// A chat that is new to the stream.
    package struct News: Sendable {
        /// Sent to the client with the notice that it joins the stream.
        package let chat: Chat
        /// True if the chat was created since the client last saw the list; false if it only became active again, or
        /// if the user joined it.
        package let isCreated: Bool
    }

    /// What permitted the subscription when the chat was read.
    package let permit: SubscriptionPermit
    /// Keeps the events of the chat coming; registered before the chat was read.
    package let interest: TopicInterest
    /// The position of the last entry that the client has.
    package let position: Position
    /// The end of the log when it was read.
    package let end: Position
    /// When the entry at `end` happened.
    package let endInstant: Instant
    /// The epoch in which the chat was read.
    package let epoch: Epoch
    /// Nil for a chat that the client asked for, or already followed.
    package let news: News?
    /// An open message of which the client already has the text, and how much; nil for none.
    package var text: (message: OpenMessage, sent: PublishedText.Extent)?

    /// - Parameter position: Nil to start at the end of the log.
    package init(
        _ interest: TopicInterest,
        of head: LogHead,
        after position: Position?,
        in epoch: Epoch,
        permit: SubscriptionPermit = .rights,
        news: News? = nil
    ) {
        end = head.chat.lastPosition
        endInstant = head.instant
        self.permit = permit
        self.interest = interest
        self.position = position ?? end
        self.epoch = epoch
        self.news = news
        interest.noteEnd(end, in: epoch)
    }

    /// A chat that joins a stream of all chats: with its whole log if it is new, otherwise with its latest entries.
    ///
    /// - Parameter isCreated: Whether its id is above those of all chats that the client knows.
    package init(
        joining interest: TopicInterest,
        _ head: LogHead,
        isCreated: Bool,
        in epoch: Epoch,
        permit: SubscriptionPermit,
        _ limits: StreamLimits
    ) {
        // A chat that a user joins may be old.
        let isCreated = isCreated && permit == .rights
        let last = max(0, head.chat.lastPosition.rawValue - limits.joiningEntries)
        self.init(
            interest,
            of: head,
            after: Position(rawValue: isCreated ? 0 : last),
            in: epoch,
            permit: permit,
            news: News(chat: head.chat, isCreated: isCreated)
        )
    }
}
