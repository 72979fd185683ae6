package import ChatDomain

/// What came of one request to a webhook's receiver, for metrics.
package struct WebhookActivity: Equatable, Sendable {
    /// What follows.
    package enum Result: String, CaseIterable, Sendable {
        case delivered, retried, stalled, disabled
    }

    package let webhookID: WebhookID
    package let chatID: ChatID
    package let result: Result
    /// The entries in the request.
    package let entryCount: Int
    /// From the start of the request to the response or the failure.
    package let duration: Duration
}
