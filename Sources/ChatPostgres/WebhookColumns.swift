import ChatDomain
import PostgresClient

/// The column indexes of a webhook.
struct WebhookColumns {
    static let list = """
        webhooks.id, url, types, array_to_string(webhooks.chats, ',') AS chats, with_offline, secret, former_secret,
        former_secret_expires_at, created_at, disabled_at, disabled_reason
        """

    private let id, url, types, chats, withOffline, secret, formerSecret, formerSecretExpiresAt: Int
    private let createdAt, disabledAt, disabledReason: Int

    init(_ result: borrowing PostgresResult) throws(PostgresError) {
        id = try result.column("id")
        url = try result.column("url")
        types = try result.column("types")
        chats = try result.column("chats")
        withOffline = try result.column("with_offline")
        secret = try result.column("secret")
        formerSecret = try result.column("former_secret")
        formerSecretExpiresAt = try result.column("former_secret_expires_at")
        createdAt = try result.column("created_at")
        disabledAt = try result.column("disabled_at")
        disabledReason = try result.column("disabled_reason")
    }

    func webhook(_ result: borrowing PostgresResult, row: Int) throws(PostgresError) -> Webhook {
        let types = try result.optionalText(types, row: row)
        let chats = try result.optionalText(chats, row: row)
        var formerSecret: Webhook.FormerSecret?
        if let secret = try result.optionalText(self.formerSecret, row: row) {
            formerSecret = Webhook.FormerSecret(
                secret: WebhookSecret(stored: secret),
                expiresAt: try result.instant(formerSecretExpiresAt, row: row)
            )
        }
        var disabled: Webhook.Disabling?
        if let instant = try result.optionalInstant(disabledAt, row: row) {
            disabled = Webhook.Disabling(reason: try result.text(disabledReason, row: row), instant: instant)
        }
        return Webhook(
            id: WebhookID(rawValue: try result.int64(id, row: row)),
            url: WebhookURL(stored: try result.text(url, row: row)),
            types: types.map(Set<WebhookEventType>.init(stored:)),
            chats: chats.map { ids in
                Set(ids.split(separator: ",").compactMap { Int64($0) }.map(ChatID.init(rawValue:)))
            },
            withOffline: try result.bool(withOffline, row: row),
            secret: WebhookSecret(stored: try result.text(secret, row: row)),
            formerSecret: formerSecret,
            createdAt: try result.instant(createdAt, row: row),
            disabled: disabled
        )
    }
}

extension PostgresResult {
    /// Reads each row's webhook, in the order of the ids.
    borrowing func webhooks() throws(PostgresError) -> [Webhook] {
        let columns = try WebhookColumns(self)
        var webhooks: [Webhook] = []
        for row in 0..<rowCount {
            webhooks.append(try columns.webhook(self, row: row))
        }
        return webhooks.sorted { $0.id < $1.id }
    }
}
