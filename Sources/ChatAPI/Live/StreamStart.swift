import ChatDomain
import ChatWire

/// A chat that a stream follows, as it was found when the stream began.
struct StreamedChat: Sendable {
    /// A chat that the client has not followed before.
    struct News: Sendable {
        let chat: Chat
        /// Whether it did not exist when the client looked last; else it has only become active.
        let isCreated: Bool
    }

    let interest: LogInterest
    /// The last entry that the client has.
    let position: Position
    /// Where the log ended, and when it came to that.
    let end: Position
    let endInstant: Instant
    let epoch: Epoch
    let news: News?

    init(_ interest: LogInterest, of head: LogHead, after position: Position?, in epoch: Epoch, news: News? = nil) {
        end = head.chat.lastPosition
        endInstant = head.instant
        self.interest = interest
        self.position = position ?? end
        self.epoch = epoch
        self.news = news
        interest.note(end, in: epoch)
    }

    /// - Parameters:
    ///   - place: Nil for now.
    ///   - location: Which part of the request has the place.
    /// - Throws: `StaleHistory`, or `ValidationError` if the log has not come as far as a plain number.
    init(
        _ interest: LogInterest,
        of head: LogHead,
        after place: LogPlace?,
        in epoch: Epoch,
        at location: [String]
    ) throws {
        let end = head.chat.lastPosition
        if let place {
            if place.isStale(in: epoch, end: end) { throw StaleHistory(epoch: epoch) }
            if place.position > end {
                throw ValidationError(positionBeyondEnd: place.position, end: end, at: location)
            }
        }
        self.init(interest, of: head, after: place?.position, in: epoch)
    }
}

/// A client goes on from a history that is not the database's any more.
struct StaleHistory: Error {
    /// The database's own.
    let epoch: Epoch
}

/// What a stream begins with.
struct StreamStart: Sendable {
    enum Scope: Sendable {
        case chat
        /// Several chats on one connection.
        case chats
        /// All chats, also those that are created later.
        case allChats
    }

    let scope: Scope
    let form: EventForm
    let epoch: Epoch
    var chats: [StreamedChat] = []
    /// Chats that the client followed before and that are no more.
    var deleted: [ChatID] = []
    /// Chats that the client followed before and that others are followed for now, with the last entry that it has.
    var unfollowed: [(chatID: ChatID, position: Position)] = []
    /// Where a stream of all chats leaves some of them out, the newest chat that it has heard of.
    var newest: ChatID?
    let admission: StreamAdmissions.Admission
    let tally = StreamTally()
}
