/// The reason why a store cannot do what was requested.
package enum StoreError: Error, Equatable {
    /// The chat does not exist or was deleted, perhaps at this very moment.
    case chatNotFound
    /// The message does not exist in the chat or was deleted.
    case messageNotFound
    /// The user does not exist.
    case userNotFound
    /// The user is not a member of the chat.
    case memberNotFound
    /// The chat's only owner cannot leave or give up the role before there is another one.
    case lastOwner
    /// The webhook does not exist.
    case webhookNotFound
    /// There are `Webhook.maximumCount` webhooks.
    case tooManyWebhooks
    /// The caller may not do this.
    case forbidden
    /// The message's current revision does not meet the change's condition.
    case revisionMismatch
    /// The message is open: its text grows until it ends.
    case messageOpen
    /// The message has ended, or was posted whole.
    case messageNotOpen
    /// Another server has taken the message over.
    case writerReplaced
    /// Too many messages of the chat are open.
    case tooManyOpenMessages
    /// This server holds so many open messages that it opens no other.
    case tooManyHeldMessages
    /// The chat is in slow mode, and the user must wait so long before the next message.
    case tooSoon(seconds: Int)
    /// The message that a draft replies to does not exist or was deleted.
    case replyTargetNotFound(MessageID)
    /// The idempotency key was used by an earlier request with different content.
    case idempotencyKeyReused
    /// The database is busy, full, unreachable or shutting down, and nothing was written.
    ///
    /// The reason is for the log and the health check, not for a client.
    case unavailable(reason: String)
    /// The connection broke during a change, which may or may not have been committed.
    case outcomeUnknown(reason: String)
    /// A search took too long and was cancelled.
    case searchTimedOut
    /// The database's schema differs from the one that this program was built for.
    case schemaMismatch(reason: String)
    /// A bug: the database rejected a value that validation should have rejected. Nothing was written.
    case invalidValue(reason: String)
    /// A bug: the database rejected a valid operation. Nothing was written.
    case failed(reason: String)

    /// One line for the log or the operator.
    package var reason: String {
        switch self {
        case .chatNotFound: "there is no such chat"
        case .messageNotFound: "there is no such message"
        case .userNotFound: "there is no such user"
        case .memberNotFound: "there is no such member"
        case .lastOwner: "the chat would have no owner"
        case .webhookNotFound: "there is no such webhook"
        case .tooManyWebhooks: "there are too many webhooks"
        case .forbidden: "the caller may not do this"
        case .revisionMismatch: "the message is at another revision"
        case .messageOpen: "the message is open"
        case .messageNotOpen: "the message is not open"
        case .writerReplaced: "another server writes the message"
        case .tooManyOpenMessages: "too many messages of the chat are open"
        case .tooManyHeldMessages: "too many messages are open on this server"
        case .tooSoon: "the chat is in slow mode"
        case .replyTargetNotFound: "the message that is answered is not there"
        case .idempotencyKeyReused: "the idempotency key belongs to another request"
        case .searchTimedOut: "the search took too long"
        case .unavailable(let reason), .outcomeUnknown(let reason), .schemaMismatch(let reason),
            .invalidValue(let reason), .failed(let reason):
            reason
        }
    }

    /// The error for a read: since a read changes nothing, an unknown outcome becomes `unavailable`.
    package var ofRead: StoreError {
        if case .outcomeUnknown(let reason) = self { .unavailable(reason: reason) } else { self }
    }
}
