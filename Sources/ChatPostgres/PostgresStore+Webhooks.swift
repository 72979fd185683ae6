package import ChatDomain
import PostgresClient

extension PostgresStore {
    package func createWebhook(_ draft: WebhookDraft) async throws(StoreError) -> Webhook {
        let created = try await database.deliver { [clock = database.clock] connection throws(PostgresError) in
            try connection.insert(draft, at: clock.now(), WebhookTolerance(clock))
        }
        guard let created else { throw .tooManyWebhooks }
        return created
    }

    package func webhooks() async throws(StoreError) -> [Webhook] {
        try await database.read { connection throws(PostgresError) in
            try connection.query("SELECT \(WebhookColumns.list) FROM webhooks").webhooks()
        }
    }

    package func webhookState(_ id: WebhookID) async throws(StoreError) -> WebhookState {
        let state = try await database.read { connection throws(PostgresError) in
            try connection.fetchWebhookState(id)
        }
        guard let state else { throw .webhookNotFound }
        return state
    }

    package func editWebhook(_ id: WebhookID, _ edit: WebhookEdit) async throws(StoreError) -> Webhook {
        let edited = try await database.deliver { [clock = database.clock] connection throws(PostgresError) in
            try connection.edit(id, edit, at: clock.now(), WebhookTolerance(clock))
        }
        guard let edited else { throw .webhookNotFound }
        return edited
    }

    package func deleteWebhook(_ id: WebhookID) async throws(StoreError) {
        let wasThere = try await database.deliver { connection throws(PostgresError) in
            var wasThere = false
            let statement = PostgresStatement("DELETE FROM webhooks WHERE id = $1 RETURNING id", [.int64(id.rawValue)])
            try connection.transact([statement]) { _, result throws(PostgresError) in wasThere = result.rowCount > 0 }
            return wasThere
        }
        guard wasThere else { throw .webhookNotFound }
    }

    package func replay(_ chat: ChatID, after position: Position, to id: WebhookID) async throws(StoreError) {
        let outcome = try await database.deliver { [clock = database.clock] connection throws(PostgresError) in
            try connection.replay(chat, after: position, to: id, at: clock.now())
        }
        if !outcome.webhookExists { throw .webhookNotFound }
        if !outcome.chatIsWanted { throw .chatNotFound }
    }

    /// Uses the clock of the PostgreSQL server.
    package func leaseWebhooks(to holder: String, for duration: Duration) async throws(StoreError) -> [Webhook] {
        try await database.deliver { connection throws(PostgresError) in
            var webhooks: [Webhook] = []
            try connection.transact([.leaseWebhooks(to: holder, for: duration), .fetchWebhooks(leasedTo: holder)]) {
                index,
                result throws(PostgresError) in
                if index == 1 { webhooks = try result.webhooks() }
            }
            return webhooks
        }
    }

    package func releaseWebhooks(of holder: String) async throws(StoreError) {
        try await database.deliver { connection throws(PostgresError) in
            try connection.transact([
                PostgresStatement(
                    "UPDATE webhooks SET lease_holder = NULL, lease_expires_at = NULL WHERE lease_holder = $1",
                    [.text(holder)]
                )
            ])
        }
    }

    /// Knows which transactions are still running, so it also finds what a transaction commits much later.
    package func discoverDeliveries(
        for id: WebhookID,
        in chats: [ChatID]?,
        at now: Instant
    ) async throws(StoreError) -> Bool {
        let discovery = try await database.deliver { [clock = database.clock] connection throws(PostgresError) in
            let discovery = try connection.fetchDiscovery(for: id, in: chats, at: now, WebhookTolerance(clock))
            if let discovery, !discovery.isEmpty {
                try connection.transact(PostgresStatement.record(discovery, for: id, at: now))
            }
            return discovery
        }
        guard let discovery else { throw .webhookNotFound }
        return discovery.mayHaveMore
    }

    package func dueDeliveries(
        of id: WebhookID,
        at now: Instant,
        limit: Int
    ) async throws(StoreError) -> [WebhookDelivery] {
        try await database.read { connection throws(PostgresError) in
            try connection.fetchDueDeliveries(of: id, at: now, limit: limit)
        }
    }

    package func shorten(_ delivery: WebhookDelivery, to last: Position) async throws(StoreError) {
        try await database.deliver { connection throws(PostgresError) in
            try connection.transact([.shorten(delivery, to: last)])
        }
    }

    package func record(
        _ outcome: WebhookOutcome,
        of delivery: WebhookDelivery,
        by holder: String,
        at now: Instant
    ) async throws(StoreError) -> Bool {
        try await database.deliver { connection throws(PostgresError) in
            var hasLease = false
            try connection.transact(PostgresStatement.record(outcome, of: delivery, by: holder, at: now)) {
                index,
                result throws(PostgresError) in
                if index == 0 { hasLease = result.rowCount > 0 }
            }
            return hasLease
        }
    }
}
