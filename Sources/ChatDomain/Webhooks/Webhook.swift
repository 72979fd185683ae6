/// A subscription of another service: it receives the entries of chats' logs by HTTP.
package struct Webhook: Hashable, Sendable {
    /// The most webhooks that a database holds.
    package static let maximumCount = 100
    /// The most chats in `chats`.
    package static let maximumChats = 100

    package let id: WebhookID
    package let url: WebhookURL
    /// Nil for all types, including later ones.
    package let types: Set<WebhookEventType>?
    /// Nil for all chats, including later ones.
    package let chats: Set<ChatID>?
    /// Whether a delivery names the members who have no open stream.
    package let withOffline: Bool
    /// Signs deliveries.
    package let secret: WebhookSecret
    /// The secret before `secret`, and until when it signs deliveries, too; nil if there is none.
    package let formerSecret: FormerSecret?
    package let createdAt: Instant
    /// Nil while the webhook is enabled.
    package let disabled: Disabling?

    /// A secret that was replaced.
    package struct FormerSecret: Hashable, Sendable {
        /// How long a replaced secret signs deliveries, too, so that receivers can change over.
        package static let lifetime = Duration.seconds(24 * 60 * 60)

        package let secret: WebhookSecret
        package let expiresAt: Instant

        package init(secret: WebhookSecret, expiresAt: Instant) {
            self.secret = secret
            self.expiresAt = expiresAt
        }
    }

    /// When and why deliveries were stopped.
    package struct Disabling: Hashable, Sendable {
        /// One line for the operator.
        package let reason: String
        package let instant: Instant

        package init(reason: String, instant: Instant) {
            self.reason = reason
            self.instant = instant
        }
    }

    package init(
        id: WebhookID,
        url: WebhookURL,
        types: Set<WebhookEventType>? = nil,
        chats: Set<ChatID>? = nil,
        withOffline: Bool = false,
        secret: WebhookSecret,
        formerSecret: FormerSecret? = nil,
        createdAt: Instant,
        disabled: Disabling? = nil
    ) {
        self.id = id
        self.url = url
        self.types = types
        self.chats = chats
        self.withOffline = withOffline
        self.secret = secret
        self.formerSecret = formerSecret
        self.createdAt = createdAt
        self.disabled = disabled
    }

    /// The one or two secrets that sign a delivery, the current one first.
    package func secrets(at now: Instant) -> [WebhookSecret] {
        guard let formerSecret, now < formerSecret.expiresAt else { return [secret] }
        return [secret, formerSecret.secret]
    }
}

/// Identifies a webhook; ids increase and are never reused.
package struct WebhookID: RawRepresentable, Hashable, Comparable, Sendable {
    /// `id` in the API.
    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    package static func < (lhs: WebhookID, rhs: WebhookID) -> Bool {
        lhs.rawValue < rhs.rawValue
    }
}

/// A request to create a webhook.
package struct WebhookDraft: Sendable {
    package let url: WebhookURL
    /// Nil for all types.
    package let types: Set<WebhookEventType>?
    /// Nil for all chats.
    package let chats: Set<ChatID>?
    package let withOffline: Bool
    package let secret: WebhookSecret

    package init(
        url: WebhookURL,
        types: Set<WebhookEventType>? = nil,
        chats: Set<ChatID>? = nil,
        withOffline: Bool = false,
        secret: WebhookSecret
    ) {
        self.url = url
        self.types = types
        self.chats = chats
        self.withOffline = withOffline
        self.secret = secret
    }
}

/// New values for a webhook; nil keeps a value.
package struct WebhookEdit: Sendable {
    package var url: WebhookURL?
    /// The inner nil stands for all types.
    package var types: Set<WebhookEventType>??
    /// The inner nil stands for all chats.
    package var chats: Set<ChatID>??
    package var withOffline: Bool?
    /// The secret that it replaces signs deliveries, too, for `Webhook.FormerSecret.lifetime`.
    package var secret: WebhookSecret?
    /// True also resumes chats that are stalled.
    package var isEnabled: Bool?

    package init() {}
}

/// The type of an event that a webhook can receive.
package enum WebhookEventType: Hashable, CaseIterable, Sendable {
    /// An entry of a chat's log.
    case entry(LogEntry.Kind)
    /// The chat was deleted, with its log.
    case chatDeleted

    /// Every type, those of entries first.
    package static var allCases: [WebhookEventType] {
        LogEntry.Kind.allCases.map(WebhookEventType.entry) + [.chatDeleted]
    }

    /// Nil for a text that is no type.
    package init?(_ text: String) {
        guard let type = Self.allCases.first(where: { $0.text == text }) else { return nil }
        self = type
    }

    /// The form in the API and in databases.
    package var text: String {
        switch self {
        case .entry(let kind): kind.rawValue
        case .chatDeleted: "chat.deleted"
        }
    }
}
