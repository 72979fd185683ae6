/// Stores webhooks and how far each has come in each chat's log, next to the chats of a `ChatStore`.
///
/// A webhook is a reader of the logs with a position in each chat, so there is no queue in which an entry could be
/// missing. Every store guarantees the following, and the conformance suite proves it:
/// - A webhook receives the entries committed after it was created and no others, unless a chat is replayed.
/// - What remains to be delivered is on disk: after a crash, `discoverDeliveries` finds it without any signal.
/// - A chat that is deleted is due in the transaction that deletes it, for every webhook that wants the chat.
/// - Only the server that holds a webhook's lease can record outcomes.
package protocol WebhookStore: Sendable {
    /// Creates a webhook, whose log starts now.
    ///
    /// - Throws: `StoreError.tooManyWebhooks` if there are `Webhook.maximumCount`.
    func createWebhook(_ draft: WebhookDraft) async throws(StoreError) -> Webhook

    /// Returns all webhooks, in the order of their ids.
    func webhooks() async throws(StoreError) -> [Webhook]

    /// Returns a webhook with its progress.
    ///
    /// - Throws: `StoreError.webhookNotFound`.
    func webhookState(_ id: WebhookID) async throws(StoreError) -> WebhookState

    /// Edits a webhook and returns its new state; for a chat that it did not want before, its log starts now.
    ///
    /// - Throws: `StoreError.webhookNotFound`.
    func editWebhook(_ id: WebhookID, _ edit: WebhookEdit) async throws(StoreError) -> Webhook

    /// - Throws: `StoreError.webhookNotFound`.
    func deleteWebhook(_ id: WebhookID) async throws(StoreError)

    /// Delivers a chat's entries after a position, again if need be.
    ///
    /// The outcome of a delivery that has already started does not move the position.
    ///
    /// - Throws: `StoreError.webhookNotFound`, and `StoreError.chatNotFound` also if the webhook does not want the chat.
    func replay(_ chat: ChatID, after position: Position, to id: WebhookID) async throws(StoreError)

    /// Acquires the leases of enabled webhooks that are free or over, renews the holder's own, and returns the webhooks
    /// that the holder now has.
    ///
    /// Time is that of the database's server, so the servers' clocks need not agree.
    ///
    /// - Parameter holder: Names a process.
    func leaseWebhooks(to holder: String, for duration: Duration) async throws(StoreError) -> [Webhook]

    /// Gives up the holder's leases, so that another server can take over at once.
    func releaseWebhooks(of holder: String) async throws(StoreError)

    /// Finds chats with entries that a webhook has not received, and makes them due.
    ///
    /// - Parameters:
    ///   - chats: Looks only at these, which signals named; nil for all chats that may have changed since the last call
    ///     with nil that returned false. That includes changes that were committed late, on a server with a slow clock.
    /// - Returns: Whether there may be more; call it again until it returns false.
    func discoverDeliveries(
        for id: WebhookID,
        in chats: [ChatID]?,
        at now: Instant
    ) async throws(StoreError) -> Bool

    /// Returns what is due, what has been due for longest first.
    ///
    /// Deliveries remain due until their outcome is recorded, so a caller asks for more than it has under way.
    func dueDeliveries(of id: WebhookID, at now: Instant, limit: Int) async throws(StoreError) -> [WebhookDelivery]

    /// Lets a delivery end earlier, because its entries do not fit into one request; the rest becomes due after it.
    ///
    /// It changes nothing if the chat was replayed or deleted meanwhile.
    func shorten(_ delivery: WebhookDelivery, to last: Position) async throws(StoreError)

    /// Records the outcome of a delivery.
    ///
    /// It changes no position if the chat was replayed meanwhile. If more of the chat remains, that is due at once.
    ///
    /// - Returns: False if the holder does not have the lease any more, which changes nothing.
    func record(
        _ outcome: WebhookOutcome,
        of delivery: WebhookDelivery,
        by holder: String,
        at now: Instant
    ) async throws(StoreError) -> Bool
}
