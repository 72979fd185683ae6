package import ChatDomain

extension SQLiteStore {
    package func createWebhook(_ draft: WebhookDraft) async throws(StoreError) -> Webhook {
        try await database.write { [clock = database.clock] in
            try $0.insert(draft, at: clock.now(), WebhookTolerance(clock))
        }
    }

    package func webhooks() async throws(StoreError) -> [Webhook] {
        try await database.read { try $0.fetchWebhooks() }
    }

    package func webhookState(_ id: WebhookID) async throws(StoreError) -> WebhookState {
        try await database.read { try $0.fetchWebhookState(id) }
    }

    package func editWebhook(_ id: WebhookID, _ edit: WebhookEdit) async throws(StoreError) -> Webhook {
        try await database.write { [clock = database.clock] in
            try $0.edit(id, edit, at: clock.now(), WebhookTolerance(clock))
        }
    }

    package func deleteWebhook(_ id: WebhookID) async throws(StoreError) {
        try await database.write { try $0.deleteWebhook(id) }
    }

    package func replay(_ chat: ChatID, after position: Position, to id: WebhookID) async throws(StoreError) {
        try await database.write { [clock = database.clock] in
            try $0.replay(chat, after: position, to: id, at: clock.now())
        }
    }

    /// Uses the machine's clock, which all processes with access to the file share.
    package func leaseWebhooks(to holder: String, for duration: Duration) async throws(StoreError) -> [Webhook] {
        // Most servers have no webhooks and need no transaction.
        if try await webhooks().isEmpty { return [] }
        return try await database.write { [clock = database.clock] in
            try $0.leaseWebhooks(to: holder, for: duration, at: clock.now())
        }
    }

    package func releaseWebhooks(of holder: String) async throws(StoreError) {
        try await database.write { try $0.releaseWebhooks(of: holder) }
    }

    /// Searches in a snapshot, so that writes do not wait, and writes only what it found.
    package func discoverDeliveries(
        for id: WebhookID,
        in chats: [ChatID]?,
        at now: Instant
    ) async throws(StoreError) -> Bool {
        let discovery = try await database.read { [tolerance = WebhookTolerance(database.clock)] in
            try $0.fetchDiscovery(for: id, in: chats, at: now, tolerance)
        }
        if !discovery.isEmpty {
            try await database.write { try $0.record(discovery, for: id, at: now) }
        }
        return discovery.mayHaveMore
    }

    package func dueDeliveries(
        of id: WebhookID,
        at now: Instant,
        limit: Int
    ) async throws(StoreError) -> [WebhookDelivery] {
        try await database.read { try $0.fetchDueDeliveries(of: id, at: now, limit: limit) }
    }

    package func shorten(_ delivery: WebhookDelivery, to last: Position) async throws(StoreError) {
        try await database.write { try $0.shorten(delivery, to: last) }
    }

    package func record(
        _ outcome: WebhookOutcome,
        of delivery: WebhookDelivery,
        by holder: String,
        at now: Instant
    ) async throws(StoreError) -> Bool {
        try await database.write { [clock = database.clock] in
            try $0.record(outcome, of: delivery, by: holder, at: now, leasesAt: clock.now())
        }
    }
}
