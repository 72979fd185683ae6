/// A requested write that waits for its batch.
package enum WriteRequest: Sendable {
    /// Answered by `recorded`.
    case record(LogRequest)
    /// Answered by `recorded`.
    case stream(StreamRequest)
    /// Answered by `updated`.
    case update(ChatID, ChatEdit, by: Caller)
    /// Answered by `membersChanged`.
    case changeMembers(MemberRequest)
    /// Answered by `readMarkerMoved`.
    case moveReadMarker(ReadMarkerRequest)
    /// Answered by `created`.
    case create(ChatDraft, by: Caller)
    /// Answered by `deleted`.
    case delete(ChatID, by: Caller)
    /// One step of purging deleted chats; answered by `purged`.
    case purge

    /// The existing chat that the request concerns; nil if there is none.
    package var chatID: ChatID? {
        switch self {
        case .record(let request): request.chatID
        case .stream(let request): request.message.chatID
        case .update(let chat, _, _), .delete(let chat, _): chat
        case .changeMembers(let request): request.chatID
        case .moveReadMarker(let request): request.chatID
        case .create, .purge: nil
        }
    }
}

/// The result of a successful write, one case per kind of request.
package enum WriteAnswer: Equatable, Sendable {
    /// The message that was posted or changed, in its new state.
    case recorded(Accepted<Message>)
    /// The chat in its new state.
    case updated(Chat)
    /// The users whom the request names, in their new state.
    case membersChanged([Member])
    /// The marker is where the request wants it, or further.
    case readMarkerMoved
    /// The new chat, or the one created earlier under the same key.
    case created(Accepted<Chat>)
    /// The chat no longer exists for any reader.
    case deleted
    /// Whether another step may find more to purge.
    case purged(isMore: Bool)
}

/// What a store has committed for a request, or for an earlier one with the same idempotency key.
package struct Accepted<Value: Sendable>: Sendable {
    /// For a replay, the current state, which may differ from the original answer.
    package let value: Value
    /// Whether an earlier request had created it, so that this one changed nothing.
    package let isReplay: Bool

    package init(_ value: Value, isReplay: Bool = false) {
        self.value = value
        self.isReplay = isReplay
    }
}

extension Accepted: Equatable where Value: Equatable {}
