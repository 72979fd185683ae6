package import ChatDomain

/// A chat that a stream follows, as it was found when the stream began.
package struct StreamedChat: Sendable {
    /// A chat that the client has not followed before.
    package struct News: Sendable {
        package let chat: Chat
        /// Whether it did not exist when the client looked last; else it has only become active.
        package let isCreated: Bool
    }

    package let interest: LogInterest
    /// The last entry that the client has.
    package let position: Position
    /// Where the log ended, and when it came to that.
    package let end: Position
    package let endInstant: Instant
    package let epoch: Epoch
    package let news: News?

    package init(
        _ interest: LogInterest,
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
        interest.note(end, in: epoch)
    }
}
