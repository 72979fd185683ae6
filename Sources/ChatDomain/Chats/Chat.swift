/// A conversation: a title and an append-only log of messages and changes.
package struct Chat: Equatable, Sendable {
    /// Assigned by the store when the chat is created.
    package let id: ChatID
    /// 1 to 200 Unicode scalars; see `ChatTitle`.
    package var title: String
    /// Nil if the application attached nothing.
    package var metadata: Metadata?
    package let visibility: ChatVisibility
    /// Whether members see how far the other members have read.
    package var receipts: Bool
    /// How long a user must wait between two messages; see `SlowMode`.
    package var slowMode: SlowMode
    /// By the clock of the server that accepted the request.
    package let createdAt: Instant
    /// The position of the last log entry; 0 for an empty log.
    ///
    /// Every change to the chat increases it. During an import it may still lag behind the changes already imported.
    package var lastPosition: Position
    /// When the latest message was posted, even if it was deleted since; nil if there never was one.
    package var lastMessageAt: Instant?
    /// The number of messages that are not deleted.
    package var messageCount: Int64

    package init(
        id: ChatID,
        title: String,
        metadata: Metadata? = nil,
        visibility: ChatVisibility = .private,
        receipts: Bool = false,
        slowMode: SlowMode = .off,
        createdAt: Instant,
        lastPosition: Position = Position(rawValue: 0),
        lastMessageAt: Instant? = nil,
        messageCount: Int64 = 0
    ) {
        self.id = id
        self.title = title
        self.metadata = metadata
        self.visibility = visibility
        self.receipts = receipts
        self.slowMode = slowMode
        self.createdAt = createdAt
        self.lastPosition = lastPosition
        self.lastMessageAt = lastMessageAt
        self.messageCount = messageCount
    }
}

/// Who may read a chat without a membership or a grant.
package enum ChatVisibility: String, CaseIterable, Hashable, Sendable {
    /// Nobody.
    case `private`
    /// Every user; users may also join.
    case open

    /// Reads a column whose values a constraint limits.
    package init(stored text: String) {
        self = ChatVisibility(rawValue: text) ?? .private
    }

    /// A user's role in the chat.
    ///
    /// - Parameter membership: The role of the user's membership; nil for none.
    package func role(withMembership membership: ChatRole?) -> ChatRole? {
        membership ?? (self == .open ? .reader : nil)
    }
}

/// Identifies a chat.
///
/// The store assigns ids in ascending order from 1 and never reuses the id of a deleted chat.
///
/// Any 64-bit value is a valid argument: an id that was never assigned is not found.
package struct ChatID: RawRepresentable, Hashable, Sendable {
    /// `id` in the API.
    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }
}

/// A chat's title: 1 to 200 Unicode scalars after trimming.
package struct ChatTitle: BoundedText, Hashable, Sendable {
    /// In Unicode scalars, after trimming.
    package static let maximumLength = 200

    /// The trimmed text.
    package let value: String

    /// Trims and validates a title.
    ///
    /// - Throws: Only the first violation found.
    package init(_ text: String) throws(TextViolation) {
        value = try Self.validated(text)
    }
}

extension ChatTitle {
    /// The title of every chat between two people, for whom clients show the other person instead.
    fileprivate static let ofDirectChat = ChatTitle(trimmed: "Direct chat")

    private init(trimmed text: String) {
        value = text
    }
}

/// Two different users, in the order of the bytes of their ids.
package struct UserPair: Hashable, Sendable {
    package let first: UserID
    package let second: UserID

    /// Returns nil if both are the same user.
    package init?(_ one: UserID, _ other: UserID) {
        guard one != other else { return nil }
        (first, second) = one.value < other.value ? (one, other) : (other, one)
    }
}

/// A request to create a chat.
package struct ChatDraft: Sendable {
    /// Need not be unique.
    package let title: ChatTitle
    /// Nil leaves the chat without metadata.
    package let metadata: Metadata?
    package var visibility: ChatVisibility
    /// Whether members see how far the other members have read.
    package let receipts: Bool
    /// The users who become members, besides the caller's user, who becomes the owner.
    package let members: MemberIDs?
    /// The two members of a chat that neither of them owns and of which there is only one; nil for any other chat.
    package let direct: UserPair?
    /// Nil if the request has no key: each one then creates another chat.
    package let idempotency: Idempotency?

    /// Derives the fingerprint from everything that the request contains.
    ///
    /// - Parameters:
    ///   - visibility: Nil if the request does not say; the chat is then private.
    ///   - receipts: Nil if the request does not say; the chat then has none.
    package init(
        title: ChatTitle,
        metadata: Metadata? = nil,
        visibility: ChatVisibility? = nil,
        members: MemberIDs? = nil,
        receipts: Bool? = nil,
        idempotencyKey: IdempotencyKey? = nil
    ) {
        self.title = title
        self.metadata = metadata
        self.visibility = visibility ?? .private
        self.receipts = receipts ?? false
        self.members = members
        direct = nil
        idempotency = idempotencyKey.map { key in
            Idempotency(
                key: key,
                content: title.value,
                metadata?.canonical,
                visibility?.rawValue,
                members?.ids.map(\.value).joined(separator: " "),
                receipts.map { "receipts: \($0)" }
            )
        }
    }

    /// A request for the chat between two people, whichever of them makes it.
    package init(direct pair: UserPair) {
        title = .ofDirectChat
        metadata = nil
        visibility = .private
        receipts = false
        members = nil
        direct = pair
        idempotency = Idempotency(key: IdempotencyKey(ofDirectChatWith: pair.second), fingerprint: 0)
    }

    /// The user to whom the idempotency key belongs.
    ///
    /// - Parameter author: The user who creates the chat.
    package func keyAuthor(by author: UserID?) -> UserID? {
        direct?.first ?? author
    }
}

/// New values for a chat.
package struct ChatEdit: Sendable {
    /// Nil keeps the title.
    package let title: ChatTitle?
    /// What to do with the chat's metadata.
    package let metadata: MetadataEdit
    /// Nil keeps the setting.
    package let receipts: Bool?
    /// Nil keeps the setting.
    package let slowMode: SlowMode?

    package init(
        title: ChatTitle? = nil,
        metadata: MetadataEdit = .keep,
        receipts: Bool? = nil,
        slowMode: SlowMode? = nil
    ) {
        self.title = title
        self.metadata = metadata
        self.receipts = receipts
        self.slowMode = slowMode
    }

    /// Moderators may set slow mode alone.
    var action: ChatAction {
        if slowMode != nil, title == nil, receipts == nil, case .keep = metadata { .setSlowMode } else { .editChat }
    }
}

/// A chat and its latest messages that are not deleted, read in one snapshot.
package struct ChatWithMessages: Equatable, Sendable {
    /// Read in the same snapshot as `messages`.
    package let chat: Chat
    /// Oldest first.
    package let messages: [Message]

    package init(chat: Chat, messages: [Message]) {
        self.chat = chat
        self.messages = messages
    }
}
