import ChatDomain
import GRDB

/// The statements for webhooks; each runs inside its caller's snapshot or transaction.
extension Database {
    func fetchWebhooks() throws -> [Webhook] {
        let statement = try cachedStatement(sql: "SELECT \(WebhookColumns.list) FROM webhooks ORDER BY id")
        let columns = try WebhookColumns(statement)
        return try Row.fetchAll(statement).map(columns.webhook)
    }

    func fetchWebhook(_ id: WebhookID) throws -> Webhook {
        let statement = try cachedStatement(sql: "SELECT \(WebhookColumns.list) FROM webhooks WHERE id = ?")
        guard let row = try Row.fetchOne(statement, arguments: [id.rawValue]) else { throw StoreError.webhookNotFound }
        return try WebhookColumns(statement).webhook(row)
    }

    func insert(_ draft: WebhookDraft, at now: Instant, _ tolerance: WebhookTolerance) throws -> Webhook {
        let count = try Int.fetchOne(try cachedStatement(sql: "SELECT count(*) FROM webhooks")) ?? 0
        guard count < Webhook.maximumCount else { throw StoreError.tooManyWebhooks }
        try cachedStatement(
            sql: """
                INSERT INTO webhooks (url, types, chats, with_offline, secret, created_at, started_at, discovered_at)
                VALUES (:url, :types, :chats, :with_offline, :secret, :now, :now, :now)
                """
        ).execute(
            arguments: [
                "url": draft.url.text, "types": draft.types?.stored, "chats": draft.chats?.ascending.json,
                "with_offline": draft.withOffline, "secret": draft.secret.text, "now": now.microsecondsSinceEpoch,
            ]
        )
        let webhook = try fetchWebhook(WebhookID(rawValue: lastInsertedRowID))
        try startLogs(of: webhook, at: now, tolerance)
        return webhook
    }

    /// Records where the logs start that may be growing at the moment; those that already have a position keep it.
    private func startLogs(of webhook: Webhook, at now: Instant, _ tolerance: WebhookTolerance) throws {
        try cachedStatement(
            sql: """
                INSERT INTO webhook_positions (webhook_id, chat_id, seq)
                SELECT :webhook, id, last_seq FROM chats
                WHERE deleted_at IS NULL AND last_entry_at >= :since
                    AND (:chats IS NULL OR id IN (SELECT value FROM json_each(:chats)))
                ON CONFLICT (webhook_id, chat_id) DO NOTHING
                """
        ).execute(
            arguments: [
                "webhook": webhook.id.rawValue, "chats": webhook.chats?.ascending.json,
                "since": tolerance.quiet(startedAt: now).microsecondsSinceEpoch,
            ]
        )
    }

    func edit(
        _ id: WebhookID,
        _ edit: WebhookEdit,
        at now: Instant,
        _ tolerance: WebhookTolerance
    ) throws -> Webhook {
        let earlier = try fetchWebhook(id)
        let webhook = earlier.edited(by: edit, at: now)
        if !webhook.wantsNoMore(than: earlier) {
            let discovery = try fetchDiscovery(for: id, in: earlier.chats?.ascending, at: now, tolerance)
            try record(discovery, for: id, at: now)
        }
        try cachedStatement(
            sql: """
                UPDATE webhooks SET
                    url = :url, types = :types, chats = :chats, with_offline = :with_offline, secret = :secret,
                    former_secret = :former_secret, former_secret_expires_at = :former_secret_expires_at,
                    disabled_at = :disabled_at, disabled_reason = :disabled_reason
                WHERE id = :id
                """
        ).execute(
            arguments: [
                "id": id.rawValue, "url": webhook.url.text, "types": webhook.types?.stored,
                "chats": webhook.chats?.ascending.json, "with_offline": webhook.withOffline,
                "secret": webhook.secret.text, "former_secret": webhook.formerSecret?.secret.text,
                "former_secret_expires_at": webhook.formerSecret?.expiresAt.microsecondsSinceEpoch,
                "disabled_at": webhook.disabled?.instant.microsecondsSinceEpoch,
                "disabled_reason": webhook.disabled?.reason,
            ]
        )
        if !webhook.wantsNoMore(than: earlier) {
            try cachedStatement(sql: "UPDATE webhooks SET started_at = :now, discovered_at = :now WHERE id = :id")
                .execute(arguments: ["id": id.rawValue, "now": now.microsecondsSinceEpoch])
            try startLogs(of: webhook, at: now, tolerance)
        }
        if let chats = webhook.chats, chats != earlier.chats {
            try cachedStatement(
                sql: """
                    DELETE FROM webhook_positions
                    WHERE webhook_id = ? AND chat_id NOT IN (SELECT value FROM json_each(?))
                    """
            ).execute(arguments: [id.rawValue, chats.ascending.json])
        }
        if edit.isEnabled == true {
            try cachedStatement(
                sql: """
                    UPDATE webhook_positions SET
                        stalled = 0, tries = 0, failing_since = NULL, error = NULL, due_at = :now, pending_since = :now
                    WHERE webhook_id = :id AND failing_since IS NOT NULL
                    """
            ).execute(arguments: ["id": id.rawValue, "now": now.microsecondsSinceEpoch])
        }
        return webhook
    }

    func deleteWebhook(_ id: WebhookID) throws {
        try cachedStatement(sql: "DELETE FROM webhooks WHERE id = ?").execute(arguments: [id.rawValue])
        guard changesCount > 0 else { throw StoreError.webhookNotFound }
    }

    func replay(_ chat: ChatID, after position: Position, to id: WebhookID, at now: Instant) throws {
        guard try fetchWebhook(id).wants(chat), let end = try fetchHead(of: chat)?.chat.lastPosition else {
            throw StoreError.chatNotFound
        }
        let dueAt = position < end ? now.microsecondsSinceEpoch : nil
        try cachedStatement(
            sql: """
                INSERT INTO webhook_positions (webhook_id, chat_id, seq, due_at, due_seq, pending_since)
                VALUES (:webhook, :chat, :seq, :due_at, :due_seq, :due_at)
                ON CONFLICT (webhook_id, chat_id) DO UPDATE SET
                    seq = excluded.seq, due_at = excluded.due_at, due_seq = excluded.due_seq, pending_since = excluded.pending_since, tries = 0,
                    failing_since = NULL, error = NULL, stalled = 0
                """
        ).execute(
            arguments: [
                "webhook": id.rawValue, "chat": chat.rawValue, "seq": min(position, end).rawValue, "due_at": dueAt,
                "due_seq": end.rawValue,
            ]
        )
    }

    func leaseWebhooks(to holder: String, for duration: Duration, at now: Instant) throws -> [Webhook] {
        let statement = try cachedStatement(
            sql: """
                UPDATE webhooks SET lease_holder = :holder, lease_expires_at = :expires_at
                WHERE disabled_at IS NULL
                    AND (lease_holder IS NULL OR lease_holder = :holder OR lease_expires_at <= :now)
                RETURNING \(WebhookColumns.list)
                """
        )
        let columns = try WebhookColumns(statement)
        return try Row.fetchAll(
            statement,
            arguments: [
                "holder": holder, "expires_at": now.advanced(by: duration).microsecondsSinceEpoch,
                "now": now.microsecondsSinceEpoch,
            ]
        ).map(columns.webhook).sorted { $0.id < $1.id }
    }

    func releaseWebhooks(of holder: String) throws {
        try cachedStatement(
            sql: "UPDATE webhooks SET lease_holder = NULL, lease_expires_at = NULL WHERE lease_holder = ?"
        ).execute(arguments: [holder])
    }

    /// Makes a deleted chat due for every webhook that wants it.
    func announceDeletion(of chat: ChatID, at now: Instant) throws {
        try cachedStatement(
            sql: """
                INSERT INTO webhook_positions (webhook_id, chat_id, seq, due_at, pending_since)
                SELECT id, :chat, 0, :now, :now FROM webhooks
                WHERE chats IS NULL OR :chat IN (SELECT value FROM json_each(chats))
                ON CONFLICT (webhook_id, chat_id) DO UPDATE SET
                    due_at = excluded.due_at, pending_since = coalesce(pending_since, excluded.pending_since),
                    tries = 0, failing_since = NULL, error = NULL, stalled = 0
                """
        ).execute(arguments: ["chat": chat.rawValue, "now": now.microsecondsSinceEpoch])
    }
}
