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
