/// A conversation: a title and an append-only log of messages and of what became of them.
package struct Chat: Equatable, Sendable {
    package let id: ChatID
    package var title: String
    package var metadata: Metadata?
    package let createdAt: Instant
    /// Where the log ends; 0 for a log without entries.
    ///
    /// Whatever changes in the chat moves it; an import that is under way moves it after the changes.
    package var lastPosition: Position
    /// When the newest message was posted, be it deleted since; nil if there was none.
    package var lastMessageAt: Instant?
    /// How many messages there are that are not deleted.
    package var messageCount: Int64

    package init(
        id: ChatID,
        title: String,
        metadata: Metadata? = nil,
        createdAt: Instant,
        lastPosition: Position = Position(rawValue: 0),
        lastMessageAt: Instant? = nil,
        messageCount: Int64 = 0
    ) {
        self.id = id
        self.title = title
        self.metadata = metadata
        self.createdAt = createdAt
        self.lastPosition = lastPosition
        self.lastMessageAt = lastMessageAt
        self.messageCount = messageCount
    }
}

/// Names one chat.
///
/// Assigned by the store, from 1 up, and never used again after the chat is deleted.
///
/// Any 64-bit value may be asked for; a value that was never assigned is simply not found.
package struct ChatID: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }
}

/// A chat's title: 1 to 200 Unicode scalars after trimming.
package struct ChatTitle: BoundedText, Hashable, Sendable {
    package static let maximumLength = 200

    package let value: String

    package init(_ text: String) throws(TextViolation) {
        value = try Self.validated(text)
    }
}

/// A chat to be created.
package struct ChatDraft: Sendable {
    package let title: ChatTitle
    package let metadata: Metadata?
    package let idempotency: Idempotency?
    /// Who creates the chat.
    package var caller = Caller.anonymous

    package init(title: ChatTitle, metadata: Metadata? = nil, idempotencyKey: IdempotencyKey? = nil) {
        self.title = title
        self.metadata = metadata
        idempotency = idempotencyKey.map { Idempotency(key: $0, content: title.value, metadata?.canonical) }
    }
}

/// New values for a chat.
package struct ChatEdit: Sendable {
    /// Nil keeps the title.
    package let title: ChatTitle?
    package let metadata: MetadataEdit

    package init(title: ChatTitle? = nil, metadata: MetadataEdit = .keep) {
        self.title = title
        self.metadata = metadata
    }
}

/// A chat and the newest of its messages that are not deleted, read in one snapshot.
package struct ChatWithMessages: Equatable, Sendable {
    package let chat: Chat
    /// Oldest first.
    package let messages: [Message]

    package init(chat: Chat, messages: [Message]) {
        self.chat = chat
        self.messages = messages
    }
}
