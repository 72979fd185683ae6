/// One entry of a chat's log: what happened at a position.
///
/// It contains the message or chat as of the read, so the newest entry about a subject has its current state.
package struct LogEntry: Equatable, Sendable {
    /// The entry's type on the wire and in the database; the part before the dot names what it is about.
    package enum Kind: String, CaseIterable, Sendable {
        /// A message was posted; stored as the message itself.
        case messageCreated = "message.created"
        /// A message's text or metadata changed.
        case messageUpdated = "message.updated"
        /// A message's text and metadata were erased.
        case messageDeleted = "message.deleted"
        /// The chat's title or metadata changed.
        case chatUpdated = "chat.updated"
        /// Users joined the chat.
        case memberJoined = "member.joined"
        /// The role of members changed.
        case memberUpdated = "member.updated"
        /// Members left the chat or were removed.
        case memberLeft = "member.left"

        /// False for entries about the chat itself or its members.
        package var isAboutMessage: Bool {
            rawValue.hasPrefix("message.")
        }

        /// Whether the entry's payload is that of a `MemberEntry`.
        package var isAboutMembers: Bool {
            rawValue.hasPrefix("member.")
        }
    }

    /// Unique within the chat; the chat is that of `subject`.
    package let position: Position
    /// `messageCreated` for a message's own entry, otherwise that of a `LogRecord`.
    package let kind: Kind
    /// Who posted, edited or deleted the message or changed the chat; nil if the caller was anonymous.
    package let author: UserID?
    /// When the entry was appended; it never decreases as positions increase.
    package let instant: Instant
    /// The message or chat as of the read, not as of the entry.
    package let subject: LogSubject
    /// Additional data of the entry; nil unless it is about members.
    package let payload: Metadata?

    package init(
        position: Position,
        kind: Kind,
        author: UserID? = nil,
        instant: Instant,
        subject: LogSubject,
        payload: Metadata? = nil
    ) {
        self.position = position
        self.kind = kind
        self.author = author
        self.instant = instant
        self.subject = subject
        self.payload = payload
    }
}

/// A contiguous part of a chat's log, read in one snapshot.
package struct LogPage: Equatable, Sendable {
    /// In position order, without gaps.
    package let entries: [LogEntry]
    /// Where the log ended in the snapshot; greater than the last entry's position if there is more to read.
    package let lastPosition: Position
    /// The epoch of the snapshot, to which the positions belong.
    package let epoch: Epoch

    package init(entries: [LogEntry], lastPosition: Position, epoch: Epoch) {
        self.entries = entries
        self.lastPosition = lastPosition
        self.epoch = epoch
    }
}

extension LogEntry {
    /// The entry for a newly posted message.
    package init(created message: Message) {
        self.init(
            position: message.position,
            kind: .messageCreated,
            author: message.author,
            instant: message.createdAt,
            subject: .message(message)
        )
    }

    /// The entry for a record that was read together with its message, if it is about one.
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

    /// - Precondition: `subject` is what `record` is about.
    package init(_ record: LogRecord, subject: LogSubject) {
        self.init(
            position: record.position,
            kind: record.kind,
            author: record.author,
            instant: record.instant,
            subject: subject,
            payload: record.payload
        )
    }
}

extension LogEntry {
    fileprivate var message: Message? {
        if case .message(let message) = subject { message } else { nil }
    }

    /// The entry with another state of its message.
    fileprivate func map(_ transform: (Message) -> Message) -> LogEntry {
        guard let message else { return self }
        return LogEntry(
            position: position,
            kind: kind,
            author: author,
            instant: instant,
            subject: .message(transform(message)),
            payload: payload
        )
    }
}

extension LogPage {
    /// Merges messages and changes read after the same position into one page, in position order.
    ///
    /// - Parameter limit: The maximum number of entries to keep. Each input must hold the first `limit` entries of its
    ///   kind, or all if there are fewer.
    package init(
        merging created: [LogEntry],
        _ changed: [LogEntry],
        limit: Int,
        lastPosition: Position,
        epoch: Epoch
    ) {
        let entries = (created + changed).sorted { $0.position < $1.position }.prefix(limit)
        self.init(entries: Array(entries.withinPage { $0.message?.text }), lastPosition: lastPosition, epoch: epoch)
    }

    /// Whether the page shows a message whose text still grows.
    package var hasOpenMessage: Bool {
        entries.contains { $0.message?.isOpen == true }
    }

    /// Returns the page with other states of its messages, and without the last entries if these no longer fit.
    package func map(_ transform: (Message) -> Message) -> LogPage {
        let entries = entries.map { $0.map(transform) }.withinPage { $0.message?.text }
        return LogPage(entries: Array(entries), lastPosition: lastPosition, epoch: epoch)
    }

    /// Returns the page as if the log ended with the first entry after a position with which a user left; the whole page
    /// if there is none.
    package func upToDeparture(of user: UserID, after position: Position) -> LogPage {
        guard let index = entries.firstIndex(where: { $0.position > position && $0.leavers.contains(user) }) else {
            return self
        }
        return LogPage(entries: Array(entries[...index]), lastPosition: entries[index].position, epoch: epoch)
    }
}
