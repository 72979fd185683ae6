/// What a store answers when it cannot do what was asked.
package enum StoreError: Error, Equatable {
    /// There is no such chat, or it was deleted, perhaps at this very moment.
    case chatNotFound
    /// The idempotency key belongs to an earlier request whose content was another one.
    case idempotencyKeyReused
    /// The database cannot do it now and nothing was written: it is busy, full, away or shutting down. The reason is for
    /// the log and the health check, not for a client.
    case unavailable(reason: String)
    /// The connection to the database broke while a change was under way: it may have been made, or not.
    case outcomeUnknown(reason: String)
    /// The database's schema is not the one that this program was built for.
    case schemaMismatch(reason: String)
    /// A defect: the database refused what should have been right. Nothing was written.
    case failed(reason: String)

    /// One line for a log or a person who runs the service.
    package var reason: String {
        switch self {
        case .chatNotFound: "there is no such chat"
        case .idempotencyKeyReused: "the idempotency key belongs to another request"
        case .unavailable(let reason), .outcomeUnknown(let reason), .schemaMismatch(let reason), .failed(let reason):
            reason
        }
    }
}
