import ChatDomain
import GRDB

/// The column indexes of a webhook.
struct WebhookColumns {
    static let list = """
        id, url, types, chats, with_offline, secret, former_secret, former_secret_expires_at, created_at, disabled_at,
        disabled_reason
        """

    private let id, url, types, chats, withOffline, secret, formerSecret, formerSecretExpiresAt: Int
    private let createdAt, disabledAt, disabledReason: Int

    init(_ statement: Statement) throws {
        id = try statement.column("id")
        url = try statement.column("url")
        types = try statement.column("types")
        chats = try statement.column("chats")
        withOffline = try statement.column("with_offline")
        secret = try statement.column("secret")
        formerSecret = try statement.column("former_secret")
        formerSecretExpiresAt = try statement.column("former_secret_expires_at")
        createdAt = try statement.column("created_at")
        disabledAt = try statement.column("disabled_at")
        disabledReason = try statement.column("disabled_reason")
    }

    func webhook(_ row: Row) -> Webhook {
        let formerSecret = (row[formerSecret] as String?).map(WebhookSecret.init(stored:))
        let formerSecretExpiresAt = Instant(stored: row[formerSecretExpiresAt])
        let disabledAt = Instant(stored: row[disabledAt])
        return Webhook(
            id: WebhookID(rawValue: row[id]),
            url: WebhookURL(stored: row[url]),
            types: (row[types] as String?).map(Set<WebhookEventType>.init(stored:)),
            chats: (row[chats] as String?).map(Set<ChatID>.init(json:)),
            withOffline: row[withOffline],
            secret: WebhookSecret(stored: row[secret]),
            formerSecret: formerSecret.flatMap { secret in
                formerSecretExpiresAt.map { Webhook.FormerSecret(secret: secret, expiresAt: $0) }
            },
            createdAt: Instant(microsecondsSinceEpoch: row[createdAt]),
            disabled: disabledAt.map { Webhook.Disabling(reason: row[disabledReason], instant: $0) }
        )
    }
}

extension Set<ChatID> {
    /// Reads ids as `[ChatID].json` wrote them.
    fileprivate init(json: String) {
        self.init(
            json.dropFirst().dropLast().split(separator: ",").compactMap { Int64($0) }.map(ChatID.init(rawValue:))
        )
    }
}
