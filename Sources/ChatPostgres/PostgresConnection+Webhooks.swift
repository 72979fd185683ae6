import ChatDomain
import PostgresClient

extension PostgresConnection {
    /// Creates a webhook, in three round trips.
    ///
    /// - Returns: Nil if there are `Webhook.maximumCount`.
    func insert(_ draft: WebhookDraft, at now: Instant, _ tolerance: WebhookTolerance) throws(PostgresError) -> Webhook?
    {
        var count = 0
        var startedAt = now
        try begin([
            PostgresStatement("SELECT id FROM webhooks"), .fetchOldestWrite(at: now),
        ]) { index, result throws(PostgresError) in
            if index == 0 {
                count = result.rowCount
            } else {
                startedAt = try result.instant(0, row: 0)
            }
        }
        guard count < Webhook.maximumCount else {
            try rollBack()
            return nil
        }
        var created: WebhookID?
        try continueTransaction([.insert(draft, at: now, startedAt: startedAt)]) { _, result throws(PostgresError) in
            created = WebhookID(rawValue: try result.int64(result.column("id"), row: 0))
        }
        guard let id = created else { throw .unexpectedResult("a webhook was not created") }
        var webhook: Webhook?
        try commit([.startLogs(of: id, at: startedAt, tolerance), .fetchWebhook(id)]) {
            index,
            result throws(PostgresError) in
            if index == 1 { webhook = try result.webhooks().first }
        }
        guard let webhook else { throw .unexpectedResult("a webhook was not created") }
        return webhook
    }

    /// Edits a webhook, in two or three round trips.
    ///
    /// - Returns: Nil if the webhook does not exist.
    func edit(
        _ id: WebhookID,
        _ edit: WebhookEdit,
        at now: Instant,
        _ tolerance: WebhookTolerance
    ) throws(PostgresError) -> Webhook? {
        var earlier: Webhook?
        var startedAt = now
        try begin([.lockWebhook(id), .fetchOldestWrite(at: now)]) { index, result throws(PostgresError) in
            if index == 0 {
                earlier = try result.webhooks().first
            } else {
                startedAt = try result.instant(0, row: 0)
            }
        }
        guard let earlier else {
            try rollBack()
            return nil
        }
        let webhook = earlier.edited(by: edit, at: now)
        var statements = [PostgresStatement.update(webhook)]
        if !webhook.wantsNoMore(than: earlier) {
            let discovery = try fetchDiscovery(for: id, in: earlier.chats?.ascending, at: now, tolerance)
            if let discovery {
                statements += PostgresStatement.record(discovery, for: id, at: now)
            }
            statements += [.restart(id, at: startedAt), .startLogs(of: id, at: startedAt, tolerance)]
        }
        if let chats = webhook.chats, chats != earlier.chats {
            statements.append(.removePositions(of: id, except: chats))
        }
        if edit.isEnabled == true {
            statements.append(.resumeFailing(of: id, at: now))
        }
        try commit(statements)
        return webhook
    }

    func replay(
        _ chat: ChatID,
        after position: Position,
        to id: WebhookID,
        at now: Instant
    ) throws(PostgresError) -> (webhookExists: Bool, chatIsWanted: Bool) {
        var outcome = (webhookExists: false, chatIsWanted: false)
        try transact([
            PostgresStatement("SELECT id FROM webhooks WHERE id = $1", [.int64(id.rawValue)]),
            PostgresStatement(
                """
                INSERT INTO webhook_positions (webhook_id, chat_id, seq, due_at, due_seq, pending_since)
                SELECT webhooks.id, chats.id, least($3, last_seq), due_at, last_seq, due_at
                FROM webhooks CROSS JOIN chats
                CROSS JOIN LATERAL (SELECT CASE WHEN $3 < chats.last_seq THEN $4::timestamptz END AS due_at) AS due
                WHERE webhooks.id = $1 AND chats.id = $2 AND chats.deleted_at IS NULL
                    AND (webhooks.chats IS NULL OR chats.id = ANY (webhooks.chats))
                ON CONFLICT (webhook_id, chat_id) DO UPDATE SET
                    seq = excluded.seq, due_at = excluded.due_at, due_seq = excluded.due_seq,
                    pending_since = excluded.pending_since, tries = 0, failing_since = NULL, error = NULL,
                    stalled = false
                RETURNING chat_id
                """,
                [.int64(id.rawValue), .int64(chat.rawValue), .int64(position.rawValue), .instant(now)]
            ),
        ]) { index, result throws(PostgresError) in
            if index == 0 {
                outcome.webhookExists = result.rowCount > 0
            } else {
                outcome.chatIsWanted = result.rowCount > 0
            }
        }
        return outcome
    }
}

extension PostgresStatement {
    /// When the oldest transaction began that is still writing to the database; now, if there is none.
    ///
    /// Read it before a snapshot: whatever that does not contain was or will be written since.
    static func fetchOldestWrite(at now: Instant) -> PostgresStatement {
        PostgresStatement(
            """
            SELECT least($1::timestamptz, (
                SELECT min(xact_start) FROM pg_stat_activity
                WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
            )) AS oldest_write
            """,
            [.instant(now)]
        )
    }

    fileprivate static func fetchWebhook(_ id: WebhookID) -> PostgresStatement {
        PostgresStatement("SELECT \(WebhookColumns.list) FROM webhooks WHERE id = $1", [.int64(id.rawValue)])
    }

    fileprivate static func lockWebhook(_ id: WebhookID) -> PostgresStatement {
        let statement = fetchWebhook(id)
        return PostgresStatement(statement.sql + " FOR NO KEY UPDATE", statement.parameters)
    }

    /// Returns the id.
    fileprivate static func insert(_ draft: WebhookDraft, at now: Instant, startedAt: Instant) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO webhooks (url, types, chats, with_offline, secret, created_at, started_at, discovered_at)
            SELECT
                $1, $2, CASE WHEN $4 THEN NULL ELSE $3::bigint[] END, $5, $6, $7::timestamptz, $8::timestamptz,
                $8::timestamptz
            RETURNING id
            """,
            [
                .text(draft.url.text), .text(draft.types?.stored), .int64Array(draft.storedChats),
                .bool(draft.chats == nil), .bool(draft.withOffline), .text(draft.secret.text), .instant(now),
                .instant(startedAt),
            ]
        )
    }

    fileprivate static func update(_ webhook: Webhook) -> PostgresStatement {
        PostgresStatement(
            """
            UPDATE webhooks SET
                url = $2, types = $3, chats = CASE WHEN $5 THEN NULL ELSE $4::bigint[] END, with_offline = $6,
                secret = $7, former_secret = $8, former_secret_expires_at = $9, disabled_at = $10, disabled_reason = $11
            WHERE id = $1
            """,
            [
                .int64(webhook.id.rawValue), .text(webhook.url.text), .text(webhook.types?.stored),
                .int64Array((webhook.chats ?? []).map(\.rawValue)), .bool(webhook.chats == nil),
                .bool(webhook.withOffline), .text(webhook.secret.text), .text(webhook.formerSecret?.secret.text),
                .instant(webhook.formerSecret?.expiresAt), .instant(webhook.disabled?.instant),
                .text(webhook.disabled?.reason),
            ]
        )
    }

    fileprivate static func restart(_ id: WebhookID, at startedAt: Instant) -> PostgresStatement {
        PostgresStatement(
            "UPDATE webhooks SET started_at = $2, discovered_at = $2 WHERE id = $1",
            [.int64(id.rawValue), .instant(startedAt)]
        )
    }

    /// Records where the logs start that may be growing at the moment and have no position yet.
    fileprivate static func startLogs(
        of id: WebhookID,
        at startedAt: Instant,
        _ tolerance: WebhookTolerance
    ) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO webhook_positions (webhook_id, chat_id, seq)
            SELECT webhooks.id, chats.id, chats.last_seq FROM webhooks CROSS JOIN chats
            WHERE webhooks.id = $1 AND chats.deleted_at IS NULL AND \(changed(since: 2))
                AND (webhooks.chats IS NULL OR chats.id = ANY (webhooks.chats))
            ON CONFLICT (webhook_id, chat_id) DO NOTHING
            """,
            [.int64(id.rawValue), .instant(tolerance.quiet(startedAt: startedAt))]
        )
    }

    /// A condition on chats, for which there is an index by minute.
    static func changed(since parameter: Int) -> String {
        """
        chats.last_entry_minute >= $\(parameter)::timestamptz - interval '1 minute' \
        AND chats.last_entry_at >= $\(parameter)::timestamptz
        """
    }

    fileprivate static func removePositions(of id: WebhookID, except chats: Set<ChatID>) -> PostgresStatement {
        PostgresStatement(
            "DELETE FROM webhook_positions WHERE webhook_id = $1 AND chat_id <> ALL ($2::bigint[])",
            [.int64(id.rawValue), .int64Array(chats.map(\.rawValue))]
        )
    }

    fileprivate static func resumeFailing(of id: WebhookID, at now: Instant) -> PostgresStatement {
        PostgresStatement(
            """
            UPDATE webhook_positions SET
                stalled = false, tries = 0, failing_since = NULL, error = NULL, due_at = $2, pending_since = $2
            WHERE webhook_id = $1 AND failing_since IS NOT NULL
            """,
            [.int64(id.rawValue), .instant(now)]
        )
    }

    static func leaseWebhooks(to holder: String, for duration: Duration) -> PostgresStatement {
        PostgresStatement(
            """
            UPDATE webhooks SET lease_holder = $1, lease_expires_at = now() + $2 * interval '1 microsecond'
            WHERE disabled_at IS NULL
                AND (lease_holder IS NULL OR lease_holder = $1 OR lease_expires_at <= now())
            """,
            [.text(holder), .int64(Int64(duration / .microseconds(1)))]
        )
    }

    static func fetchWebhooks(leasedTo holder: String) -> PostgresStatement {
        PostgresStatement(
            "SELECT \(WebhookColumns.list) FROM webhooks WHERE disabled_at IS NULL AND lease_holder = $1",
            [.text(holder)]
        )
    }

    /// Makes deleted chats due for every webhook that wants them.
    static func announceDeletion(of chats: Set<ChatID>, at now: Instant) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO webhook_positions (webhook_id, chat_id, seq, due_at, pending_since)
            SELECT webhooks.id, chat.id, 0, $2, $2
            FROM webhooks CROSS JOIN unnest($1::bigint[]) AS chat (id)
            WHERE webhooks.chats IS NULL OR chat.id = ANY (webhooks.chats)
            ORDER BY webhooks.id, chat.id
            ON CONFLICT (webhook_id, chat_id) DO UPDATE SET
                due_at = excluded.due_at,
                pending_since = coalesce(webhook_positions.pending_since, excluded.pending_since), tries = 0,
                failing_since = NULL, error = NULL, stalled = false
            """,
            [.int64Array(chats.map(\.rawValue)), .instant(now)]
        )
    }
}

extension WebhookDraft {
    /// The array is ignored if all chats are wanted.
    fileprivate var storedChats: [Int64] {
        (chats ?? []).map(\.rawValue)
    }
}
