/// One entry of a chat's log: what happened at a position.
///
/// It shows the message or the chat as it is when the entry is read, so the newest entry about it has its current state.
package struct LogEntry: Equatable, Sendable {
    /// The word before the dot names what entries of a kind are about.
    package enum Kind: String, CaseIterable, Sendable {
        case messageCreated = "message.created"
        case messageUpdated = "message.updated"
        case messageDeleted = "message.deleted"
        case chatUpdated = "chat.updated"

        package var isAboutMessage: Bool {
            rawValue.hasPrefix("message.")
        }
    }

    package let position: Position
    package let kind: Kind
    package let instant: Instant
    package let subject: LogSubject
    /// What else the entry says.
    package let payload: Metadata?

    package init(
        position: Position,
        kind: Kind,
        instant: Instant,
        subject: LogSubject,
        payload: Metadata? = nil
    ) {
        self.position = position
        self.kind = kind
        self.instant = instant
        self.subject = subject
        self.payload = payload
    }
}

/// A stretch of a chat's log.
package struct LogPage: Equatable, Sendable {
    /// In the order of their positions, without a hole.
    package let entries: [LogEntry]
    /// Where the log ended when they were read.
    package let lastPosition: Position
    package let epoch: Epoch

    package init(entries: [LogEntry], lastPosition: Position, epoch: Epoch) {
        self.entries = entries
        self.lastPosition = lastPosition
        self.epoch = epoch
    }
}

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
