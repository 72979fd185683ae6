/// A message in its current state.
package struct Message: Equatable, Sendable {
    /// Assigned by the store, and kept by an import into another one.
    package let id: MessageID
    /// A message never moves to another chat.
    package let chatID: ChatID
    /// The position at which it was posted; later changes have positions of their own.
    package let position: Position
    /// The user who posted it, even if another edited or deleted it later; nil if the caller was anonymous.
    package let author: UserID?
    /// Empty if the message was deleted.
    package var text: String
    /// Nil if nothing is attached or the message was deleted.
    package var metadata: Metadata?
    /// The message of the same chat that this one replies to; it may have been deleted since.
    package let replyTo: MessageID?
    /// The key with which it was posted, which its readers see; nil if the request had none.
    package let idempotencyKey: IdempotencyKey?
    /// When the message was accepted; within a chat it never decreases as positions increase.
    package let createdAt: Instant
    /// 1 for a new message, plus 1 for each edit that changed something.
    package var revision: Int64
    /// When the message was last edited; nil if never.
    package var editedAt: Instant?
    /// When the message was deleted, which erased its text and metadata; nil if it was not.
    package var deletedAt: Instant?
    /// Nil for a message that was posted whole, or was deleted.
    package var stream: MessageStream?

    package init(
        id: MessageID,
        chatID: ChatID,
        position: Position,
        author: UserID? = nil,
        text: String,
        metadata: Metadata? = nil,
        replyTo: MessageID? = nil,
        idempotencyKey: IdempotencyKey? = nil,
        createdAt: Instant,
        revision: Int64 = 1,
        editedAt: Instant? = nil,
        deletedAt: Instant? = nil,
        stream: MessageStream? = nil
    ) {
        self.id = id
        self.chatID = chatID
        self.position = position
        self.author = author
        self.text = text
        self.metadata = metadata
        self.replyTo = replyTo
        self.idempotencyKey = idempotencyKey
        self.createdAt = createdAt
        self.revision = revision
        self.editedAt = editedAt
        self.deletedAt = deletedAt
        self.stream = stream
    }

    /// A deleted message still occupies its position in the log.
    package var isDeleted: Bool {
        deletedAt != nil
    }

    /// Whether the text still grows.
    package var isOpen: Bool {
        stream?.writer != nil
    }

    /// The length of an open message's text, in Unicode scalars; nil for any other.
    package var openLength: Int? {
        isOpen ? text.unicodeScalars.count : nil
    }

    /// Names the message with its chat.
    package var reference: BatchPlan.MessageReference {
        BatchPlan.MessageReference(chatID: chatID, id: id)
    }
}

/// Identifies a message among the messages of all chats.
///
/// The store assigns ids in ascending order from 1 and never reuses them.
package struct MessageID: RawRepresentable, Hashable, Sendable {
    /// `id` in the API.
    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }
}

/// A message's text: 1 to 5,000 Unicode scalars after trimming.
package struct MessageText: BoundedText, Hashable, Sendable {
    /// In Unicode scalars, after trimming.
    package static let maximumLength = 5_000

    /// The trimmed text.
    package let value: String

    /// Trims and validates a text.
    ///
    /// - Throws: Only the first violation found.
    package init(_ text: String) throws(TextViolation) {
        value = try Self.validated(text)
    }
}

/// A request to append a message to a chat's log.
package struct MessageDraft: Sendable {
    /// Never empty, unless the message is posted open.
    package let text: String
    /// Nil leaves the message without metadata.
    package let metadata: Metadata?
    /// The message of the same chat to reply to; it must exist and not be deleted.
    package let replyTo: MessageID?
    /// Nil if the request has no key: each one then posts another message.
    package let idempotency: Idempotency?
    /// Nil for a message that is posted whole; otherwise, the message is open.
    package let ttl: MessageTTL?

    /// Derives the fingerprint from the text, the metadata and the message replied to.
    package init(
        text: MessageText,
        metadata: Metadata? = nil,
        replyTo: MessageID? = nil,
        idempotencyKey: IdempotencyKey? = nil
    ) {
        let idempotency = idempotencyKey.map { key in
            Idempotency(key: key, content: text.value, metadata?.canonical, replyTo.map { String($0.rawValue) })
        }
        self.init(text.value, ttl: nil, metadata, replyTo, idempotency)
    }

    /// An open message; its fingerprint differs from that of one posted whole.
    package init(
        opening text: StreamedText,
        ttl: MessageTTL,
        metadata: Metadata? = nil,
        replyTo: MessageID? = nil,
        idempotencyKey: IdempotencyKey? = nil
    ) {
        let idempotency = idempotencyKey.map { key in
            let target = replyTo.map { String($0.rawValue) }
            return Idempotency(key: key, content: text.value, metadata?.canonical, target, "open \(ttl.seconds)")
        }
        self.init(text.value, ttl: ttl, metadata, replyTo, idempotency)
    }

    private init(
        _ text: String,
        ttl: MessageTTL?,
        _ metadata: Metadata?,
        _ replyTo: MessageID?,
        _ idempotency: Idempotency?
    ) {
        self.text = text
        self.ttl = ttl
        self.metadata = metadata
        self.replyTo = replyTo
        self.idempotency = idempotency
    }
}

/// New values for a message.
package struct MessageEdit: Sendable {
    /// Nil keeps the text.
    package let text: MessageText?
    /// What to do with the message's metadata.
    package let metadata: MetadataEdit

    package init(text: MessageText? = nil, metadata: MetadataEdit = .keep) {
        self.text = text
        self.metadata = metadata
    }
}

/// The revisions that a change to a message applies to; the change fails for any other.
package enum RevisionCondition: Equatable, Sendable {
    /// Applies to whichever revision is current.
    case any
    /// Applies only if the current revision is one of these; an empty set never matches.
    case oneOf(Set<Int64>)

    /// Otherwise the store throws `StoreError.revisionMismatch`.
    package func holds(for message: Message) -> Bool {
        switch self {
        case .any: true
        case .oneOf(let revisions): revisions.contains(message.revision)
        }
    }
}
