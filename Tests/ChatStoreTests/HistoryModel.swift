import ChatDomain

/// The state that a chat must have after the acknowledged changes: the specification in its plainest form.
struct HistoryModel {
    /// A log entry without its subject.
    struct Entry: Equatable {
        let position: Position
        let kind: LogEntry.Kind
        let author: UserID?
        let instant: Instant
        /// Nil for a change to the chat.
        let messageID: MessageID?
    }

    private(set) var chat: Chat
    private(set) var entries: [Entry] = []
    /// By position.
    private(set) var messages: [Message] = []
    /// The newest entry's instant.
    private(set) var lastEntryAt: Instant

    init(_ chat: Chat) {
        self.chat = chat
        lastEntryAt = chat.createdAt
    }

    /// The position of the next entry.
    var nextPosition: Position {
        Position(rawValue: chat.lastPosition.rawValue + 1)
    }

    func message(_ id: MessageID) -> Message? {
        messages.first { $0.id == id }
    }

    mutating func append(_ message: Message) {
        messages.append(message)
        chat.messageCount += 1
        chat.lastMessageAt = message.createdAt
        enter(.messageCreated, by: message.author, at: message.createdAt, message.id)
    }

    /// Replaces a message with its edited or deleted state.
    mutating func replace(_ message: Message, by author: UserID?, at instant: Instant) {
        guard let index = messages.firstIndex(where: { $0.id == message.id }) else { return }
        messages[index] = message
        chat.messageCount -= message.isDeleted ? 1 : 0
        enter(message.isDeleted ? .messageDeleted : .messageUpdated, by: author, at: instant, message.id)
    }

    mutating func update(title: String, metadata: Metadata?, by author: UserID?, at instant: Instant) {
        chat.title = title
        chat.metadata = metadata
        enter(.chatUpdated, by: author, at: instant, nil)
    }

    private mutating func enter(
        _ kind: LogEntry.Kind,
        by author: UserID?,
        at instant: Instant,
        _ message: MessageID?
    ) {
        entries.append(
            Entry(position: nextPosition, kind: kind, author: author, instant: instant, messageID: message)
        )
        chat.lastPosition = nextPosition
        lastEntryAt = instant
    }
}

/// The result that the store must return.
extension HistoryModel {
    func latestMessages(_ limit: Int) -> ChatWithMessages {
        ChatWithMessages(chat: chat, messages: messages.filter { !$0.isDeleted }.suffix(limit))
    }

    func log(after position: Position, limit: Int, in epoch: Epoch) -> LogPage {
        let shown = entries.filter { $0.position > position }.prefix(limit).compactMap { entry -> LogEntry? in
            let subject: LogSubject
            if let id = entry.messageID {
                guard let message = message(id) else { return nil }
                subject = .message(message)
            } else {
                subject = .chat(chat)
            }
            return LogEntry(
                position: entry.position,
                kind: entry.kind,
                author: entry.author,
                instant: entry.instant,
                subject: subject
            )
        }
        return LogPage(entries: shown, lastPosition: chat.lastPosition, epoch: epoch)
    }

    struct Page {
        let query: MessagePageQuery
        let messages: [Message]
        let hasBefore: Bool
        let hasAfter: Bool

        func isAnsweredBy(_ page: MessagePage, endingAt lastPosition: Position) -> Bool {
            page.messages == messages && page.hasBefore == hasBefore && page.hasAfter == hasAfter
                && page.lastPosition == lastPosition
        }
    }

    /// The page of the latest messages, and the pages next to a position.
    func pages(at position: Position, limit: Int) -> [Page] {
        let before = messages.count { $0.position < position }
        let through = messages.count { $0.position <= position }
        return [
            page(.newest(of: chat.id, limit: limit), messages.count - limit, messages.count),
            page(.before(position, in: chat.id, limit: limit), before - limit, before),
            page(.after(position, in: chat.id, limit: limit), through, through + limit),
            page(.around(position, in: chat.id, limit: limit), before - limit / 2, before + limit - limit / 2),
        ]
    }

    private func page(_ query: MessagePageQuery, _ start: Int, _ end: Int) -> Page {
        let range = max(0, start)..<min(messages.count, end)
        return Page(
            query: query,
            messages: Array(messages[range]),
            hasBefore: range.lowerBound > 0,
            hasAfter: range.upperBound < messages.count
        )
    }
}
