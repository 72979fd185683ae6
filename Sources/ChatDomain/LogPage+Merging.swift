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

    /// The entry of a record that was read with its message, if it is about one.
    ///
    /// - Throws: `StoreError.failed` if that message is missing.
    package init(_ record: LogRecord, in chat: Chat, message: Message?) throws(StoreError) {
        if record.messageID == nil {
            self.init(record, subject: .chat(chat))
        } else if let message {
            self.init(record, subject: .message(message))
        } else {
            throw .failed(reason: "the entry \(record.position.rawValue) of chat \(chat.id.rawValue) has no subject")
        }
    }

    package init(_ record: LogRecord, subject: LogSubject) {
        self.init(
            position: record.position,
            kind: record.kind,
            instant: record.instant,
            subject: subject,
            payload: record.payload
        )
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
