package import ChatDomain
package import ChatWire

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

    /// - Parameter place: Nil for now.
    /// - Throws: `StaleHistory`, or `PositionBeyondEnd` if the log has not come as far as a plain number.
    package init(
        _ interest: LogInterest,
        of head: LogHead,
        after place: LogPlace?,
        in epoch: Epoch
    ) throws {
        let end = head.chat.lastPosition
        if let place {
            if place.isStale(in: epoch, end: end) { throw StaleHistory(epoch: epoch) }
            if place.position > end { throw PositionBeyondEnd(position: place.position, end: end) }
        }
        self.init(interest, of: head, after: place?.position, in: epoch)
    }
}

/// A client goes on from a history that is not the database's any more.
package struct StaleHistory: Error {
    /// The database's own.
    package let epoch: Epoch
}

/// A client names a position that the log has not reached.
package struct PositionBeyondEnd: Error {
    package let position: Position
    package let end: Position
}
