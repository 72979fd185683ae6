/// One entry of a chat's log with all that a store keeps of it.
package enum ArchivedEntry: Equatable, Sendable {
    /// A message as it stands now, at the position at which it was posted.
    case message(Message, Idempotency?)
    case change(LogRecord)

    package var chatID: ChatID {
        switch self {
        case .message(let message, _): message.chatID
        case .change(let change): change.chatID
        }
    }

    package var position: Position {
        switch self {
        case .message(let message, _): message.position
        case .change(let change): change.position
        }
    }

    package var instant: Instant {
        switch self {
        case .message(let message, _): message.createdAt
        case .change(let change): change.instant
        }
    }
}

/// Entries of a chat's log on their way into a store, in the order of their positions and without a hole.
package struct ArchivedStretch: Equatable, Sendable {
    package var chat: ArchivedChat
    package var entries: [ArchivedEntry]

    package init(chat: ArchivedChat, entries: [ArchivedEntry] = []) {
        self.chat = chat
        self.entries = entries
    }
}

extension [ArchivedEntry] {
    /// The first entries behind a position, from the first of either kind.
    ///
    /// - Parameter limit: How many there are of each kind at the most, and of both together afterwards.
    package init(merging messages: [ArchivedEntry], _ changes: [ArchivedEntry], limit: Int) {
        self = Array((messages + changes).sorted { $0.position < $1.position }.prefix(limit))
    }
}
