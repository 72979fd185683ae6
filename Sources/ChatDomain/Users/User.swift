/// A person or program that reads and writes chats.
package struct User: Hashable, Sendable {
    /// What a user is.
    package enum Kind: String, CaseIterable, Hashable, Sendable {
        case person
        case bot
    }

    package let id: UserID
    /// Nil if the application gave none; see `UserName`.
    package var name: String?
    /// Nil if the application gave none; see `AvatarURL`.
    package var avatarURL: String?
    /// Nil if the application attached nothing.
    package var metadata: Metadata?
    package var kind: Kind
    /// When the user lost access; nil while the user has it.
    package var deactivatedAt: Instant?
    package let createdAt: Instant

    package init(
        id: UserID,
        name: String? = nil,
        avatarURL: String? = nil,
        metadata: Metadata? = nil,
        kind: Kind = .person,
        deactivatedAt: Instant? = nil,
        createdAt: Instant
    ) {
        self.id = id
        self.name = name
        self.avatarURL = avatarURL
        self.metadata = metadata
        self.kind = kind
        self.deactivatedAt = deactivatedAt
        self.createdAt = createdAt
    }
}

/// The name under which an application shows a user.
package struct UserName: BoundedText, Hashable, Sendable {
    /// In Unicode scalars, after trimming.
    package static let maximumLength = 200

    /// The trimmed text.
    package let value: String

    /// Trims and validates the text.
    package init(_ text: String) throws(TextViolation) {
        value = try Self.validated(text)
    }
}

/// The address of a user's picture; the service never fetches it.
package struct AvatarURL: BoundedText, Hashable, Sendable {
    /// In Unicode scalars, after trimming.
    package static let maximumLength = 2_000

    /// The trimmed text.
    package let value: String

    /// Trims and validates the text.
    package init(_ text: String) throws(TextViolation) {
        value = try Self.validated(text)
    }
}

/// The state that an application gives a user; it replaces the previous one as a whole.
package struct UserProfile: Equatable, Sendable {
    package var name: UserName?
    package var avatarURL: AvatarURL?
    package var metadata: Metadata?
    package var kind: User.Kind
    /// Whether the user loses access: all tokens become void, and new ones are refused.
    package var isDeactivated: Bool

    package init(
        name: UserName? = nil,
        avatarURL: AvatarURL? = nil,
        metadata: Metadata? = nil,
        kind: User.Kind = .person,
        isDeactivated: Bool = false
    ) {
        self.name = name
        self.avatarURL = avatarURL
        self.metadata = metadata
        self.kind = kind
        self.isDeactivated = isDeactivated
    }
}
