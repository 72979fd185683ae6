/// A requested write, as it waits for its batch.
package enum WriteRequest: Sendable {
    case record(LogRequest)
    case update(ChatID, ChatEdit, by: Caller)
    case create(ChatDraft)
    case delete(ChatID)
    /// One step of the purge of deleted chats.
    case purge
}

/// The result of a write.
package enum WriteAnswer: Equatable, Sendable {
    case recorded(Accepted<Message>)
    case updated(Chat)
    case created(Accepted<Chat>)
    case deleted
    case purged(isMore: Bool)
}

/// What a store has on disk for a request: made by it, or by an earlier request with the same idempotency key.
package struct Accepted<Value: Sendable>: Sendable {
    package let value: Value
    /// Whether an earlier request had made it, and this one has changed nothing.
    package let isReplay: Bool

    package init(_ value: Value, isReplay: Bool = false) {
        self.value = value
        self.isReplay = isReplay
    }
}

extension Accepted: Equatable where Value: Equatable {}
