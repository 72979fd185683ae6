/// The part of this process that delivers to webhooks, as operations see it.
package protocol WebhookSender: Sendable {
    /// Sends an event of type `webhook.test` at once, whether the webhook is enabled or not.
    ///
    /// - Parameter trace: The trace to continue; nil for none.
    func test(_ webhook: Webhook, as trace: TraceParent?) async -> WebhookTestResult

    /// Says to which trace a new message belongs; a delivery continues it if it starts soon, and here.
    func noticeTrace(_ trace: TraceParent, of chat: ChatID, at position: Position)

    /// Says that webhooks changed, or that a chat was replayed; a hint, which saves the wait for the next look.
    func noticeChanges()
}

/// What a target answered to a test.
package struct WebhookTestResult: Equatable, Sendable {
    /// The status of the response; nil if there was none.
    package let status: Int?
    /// How long it took.
    package let duration: Duration
    /// One line for the operator; nil if the event was delivered.
    package let error: String?

    package init(status: Int?, duration: Duration, error: String?) {
        self.status = status
        self.duration = duration
        self.error = error
    }
}
