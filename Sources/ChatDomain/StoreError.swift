/// What a store answers when it cannot do what was asked.
package enum StoreError: Error, Equatable {
    /// There is no such chat, or it was deleted, perhaps at this very moment.
    case chatNotFound
    /// There is no such message in the chat, or it was deleted.
    case messageNotFound
    /// The message is at another revision than the change was made for.
    case revisionMismatch
    /// The message that a draft answers is not there.
    case replyTargetNotFound(MessageID)
    /// The idempotency key belongs to an earlier request whose content was another one.
    case idempotencyKeyReused
    /// The database cannot do it now and nothing was written: it is busy, full, away or shutting down. The reason is for
    /// the log and the health check, not for a client.
    case unavailable(reason: String)
    /// The connection to the database broke while a change was under way: it may have been made, or not.
    case outcomeUnknown(reason: String)
    /// A search was given up because it took too long.
    case searchTimedOut
    /// The database's schema is not the one that this program was built for.
    case schemaMismatch(reason: String)
    /// A defect: the database refused a value that should have been refused before. Nothing was written.
    case invalidValue(reason: String)
    /// A defect: the database refused what should have been right. Nothing was written.
    case failed(reason: String)

    /// One line for a log or a person who runs the service.
    package var reason: String {
        switch self {
        case .chatNotFound: "there is no such chat"
        case .messageNotFound: "there is no such message"
        case .revisionMismatch: "the message is at another revision"
        case .replyTargetNotFound: "the message that is answered is not there"
        case .idempotencyKeyReused: "the idempotency key belongs to another request"
        case .searchTimedOut: "the search took too long"
        case .unavailable(let reason), .outcomeUnknown(let reason), .schemaMismatch(let reason),
            .invalidValue(let reason), .failed(let reason):
            reason
        }
    }

    /// The same for a request that changes nothing: its outcome is never unknown.
    package var ofRead: StoreError {
        if case .outcomeUnknown(let reason) = self { .unavailable(reason: reason) } else { self }
    }
}
