/// One message as it stands in its chat's log.
package struct Message: Equatable, Sendable {
    package let id: MessageID
    package let chatID: ChatID
    /// Where it was posted; later changes have positions of their own.
    package let position: Position
    /// Empty for a message that was deleted.
    package var text: String
    package var metadata: Metadata?
    /// The message of the same chat that this one answers.
    package let replyTo: MessageID?
    /// When the message was accepted; within a chat it never runs backwards as positions grow.
    package let createdAt: Instant
    /// 1 as it was posted, and one more for each edit.
    package var revision: Int64
    package var editedAt: Instant?
    /// When the message was deleted; what is left of it is its place in the log.
    package var deletedAt: Instant?

    package init(
        id: MessageID,
        chatID: ChatID,
        position: Position,
        text: String,
        metadata: Metadata? = nil,
        replyTo: MessageID? = nil,
        createdAt: Instant,
        revision: Int64 = 1,
        editedAt: Instant? = nil,
        deletedAt: Instant? = nil
    ) {
        self.id = id
        self.chatID = chatID
        self.position = position
        self.text = text
        self.metadata = metadata
        self.replyTo = replyTo
        self.createdAt = createdAt
        self.revision = revision
        self.editedAt = editedAt
        self.deletedAt = deletedAt
    }

    package var isDeleted: Bool {
        deletedAt != nil
    }
}

/// Names one message among the messages of all chats.
///
/// Assigned by the store, from 1 up, and never used again.
package struct MessageID: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }
}

/// A message's text: 1 to 5,000 Unicode scalars after trimming.
package struct MessageText: BoundedText, Hashable, Sendable {
    package static let maximumLength = 5_000

    package let value: String

    package init(_ text: String) throws(TextViolation) {
        value = try Self.validated(text)
    }
}

/// A message to be appended to a chat's log.
package struct MessageDraft: Sendable {
    package let text: MessageText
    package let metadata: Metadata?
    /// A message of the same chat, which must be there.
    package let replyTo: MessageID?
    package let idempotency: Idempotency?

    package init(
        text: MessageText,
        metadata: Metadata? = nil,
        replyTo: MessageID? = nil,
        idempotencyKey: IdempotencyKey? = nil
    ) {
        self.text = text
        self.metadata = metadata
        self.replyTo = replyTo
        idempotency = idempotencyKey.map { key in
            Idempotency(key: key, content: text.value, metadata?.canonical, replyTo.map { String($0.rawValue) })
        }
    }
}

/// New values for a message.
package struct MessageEdit: Sendable {
    /// Nil keeps the text.
    package let text: MessageText?
    package let metadata: MetadataEdit

    package init(text: MessageText? = nil, metadata: MetadataEdit = .keep) {
        self.text = text
        self.metadata = metadata
    }
}

/// Which revisions of a message a change was made for.
package enum RevisionCondition: Equatable, Sendable {
    case any
    /// One of these, which may be none at all.
    case oneOf(Set<Int64>)

    package func holds(for message: Message) -> Bool {
        switch self {
        case .any: true
        case .oneOf(let revisions): revisions.contains(message.revision)
        }
    }
}
