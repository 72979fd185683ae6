package import ChatDomain

/// Webhooks: only administrators may manage them, because a webhook reads every chat.
extension Operations {
    /// - Throws: `StoreError.forbidden`, and `StoreError.tooManyWebhooks`.
    package func createWebhook(_ caller: Caller, _ draft: WebhookDraft) async throws(StoreError) -> Webhook {
        try requireAdministrator(caller)
        let webhook = try await store.createWebhook(draft)
        webhookSender?.noticeChanges()
        return webhook
    }

    /// Lists all webhooks.
    ///
    /// - Throws: `StoreError.forbidden`.
    package func readWebhooks(_ caller: Caller) async throws(StoreError) -> [Webhook] {
        try requireAdministrator(caller)
        return try await store.webhooks()
    }

    /// - Throws: `StoreError.forbidden`, and `StoreError.webhookNotFound`.
    package func readWebhookState(_ caller: Caller, _ id: WebhookID) async throws(StoreError) -> WebhookState {
        try requireAdministrator(caller)
        return try await store.webhookState(id)
    }

    /// - Throws: `StoreError.forbidden`, and `StoreError.webhookNotFound`.
    package func editWebhook(
        _ caller: Caller,
        _ id: WebhookID,
        _ edit: WebhookEdit
    ) async throws(StoreError) -> Webhook {
        try requireAdministrator(caller)
        let webhook = try await store.editWebhook(id, edit)
        webhookSender?.noticeChanges()
        return webhook
    }

    /// - Throws: `StoreError.forbidden`, and `StoreError.webhookNotFound`.
    package func deleteWebhook(_ caller: Caller, _ id: WebhookID) async throws(StoreError) {
        try requireAdministrator(caller)
        try await store.deleteWebhook(id)
        webhookSender?.noticeChanges()
    }

    /// Delivers a chat's entries after a position, again if need be.
    ///
    /// - Throws: `StoreError.forbidden`, `StoreError.webhookNotFound`, and `StoreError.chatNotFound`.
    package func replay(
        _ caller: Caller,
        _ chat: ChatID,
        after position: Position,
        to id: WebhookID
    ) async throws(StoreError) {
        try requireAdministrator(caller)
        try await store.replay(chat, after: position, to: id)
        webhookSender?.noticeChanges()
    }

    /// Sends a test event at once.
    ///
    /// - Parameter trace: The trace of the caller's request.
    /// - Returns: Nil if this process does not deliver to webhooks.
    /// - Throws: `StoreError.forbidden`, and `StoreError.webhookNotFound`.
    package func testWebhook(
        _ caller: Caller,
        _ id: WebhookID,
        as trace: TraceParent?
    ) async throws(StoreError) -> WebhookTestResult? {
        try requireAdministrator(caller)
        let webhook = try await store.webhookState(id).webhook
        return await webhookSender?.test(webhook, as: trace)
    }
}
