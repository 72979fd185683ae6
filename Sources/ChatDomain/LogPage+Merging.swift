extension LogEntry {
    /// The entry by which a message came into the log.
    package init(created message: Message) {
        self.init(
            position: message.position,
            kind: .messageCreated,
            instant: message.createdAt,
            subject: .message(message)
        )
    }

    /// The entry of a change as it is stored.
    ///
    /// - Throws: `StoreError.failed` for what no store writes.
    package init(
        position: Position,
        kind: String,
        instant: Instant,
        of chat: Chat,
        message: Message?
    ) throws(StoreError) {
        guard let kind = Kind(rawValue: kind) else { throw .failed(reason: "there is no change \(kind)") }
        let subject: LogSubject
        switch (kind, message) {
        case (.chatUpdated, nil): subject = .chat(chat)
        case (.messageUpdated, let message?), (.messageDeleted, let message?): subject = .message(message)
        default: throw .failed(reason: "the entry \(position.rawValue) of chat \(chat.id.rawValue) has no subject")
        }
        self.init(position: position, kind: kind, instant: instant, subject: subject)
    }
}

extension LogPage {
    /// The first entries behind a position, from the first of either kind.
    ///
    /// - Parameter limit: How many there are of each kind at the most, and of both together afterwards.
    package init(
        merging created: [LogEntry],
        _ changed: [LogEntry],
        limit: Int,
        lastPosition: Position,
        epoch: Epoch
    ) {
        let entries = (created + changed).sorted { $0.position < $1.position }
        self.init(entries: Array(entries.prefix(limit)), lastPosition: lastPosition, epoch: epoch)
    }
}
