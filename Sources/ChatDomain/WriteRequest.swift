/// A requested write, as it waits for its batch.
package enum WriteRequest: Sendable {
    case record(LogRequest)
    case create(ChatDraft)
    case delete(ChatID)
    /// One step of the removal of what deleted chats have left.
    case purge
}

/// What a write has done.
package enum WriteAnswer: Equatable, Sendable {
    case recorded(Accepted<LogSubject>)
    case created(Accepted<Chat>)
    case deleted
    case purged(isMore: Bool)
}
