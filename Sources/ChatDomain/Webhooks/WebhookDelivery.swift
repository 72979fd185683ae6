/// A chat of which a webhook has not received everything.
package struct WebhookDelivery: Hashable, Sendable {
    package let webhookID: WebhookID
    package let chatID: ChatID
    /// The epoch of the read, to which the positions belong.
    package let epoch: Epoch
    /// The last position that was delivered, or that the webhook does not want.
    package let position: Position
    /// Where the chat's log ended when the entries became due; nil if the chat was deleted, which is then all that
    /// remains to be delivered.
    ///
    /// It stays the same until the entries are delivered, so that each attempt, also one after a crash, can have the
    /// same ones. A read of the log may find the chat deleted at any time after.
    package let lastPosition: Position?
    /// The failed attempts since the last success.
    package let tries: Int
    /// When the first of them failed; nil if there is none.
    package let failingSince: Instant?
    /// When to deliver; never in the future of the read.
    package let dueAt: Instant

    package init(
        webhookID: WebhookID,
        chatID: ChatID,
        epoch: Epoch,
        position: Position,
        lastPosition: Position?,
        tries: Int = 0,
        failingSince: Instant? = nil,
        dueAt: Instant
    ) {
        self.webhookID = webhookID
        self.chatID = chatID
        self.epoch = epoch
        self.position = position
        self.lastPosition = lastPosition
        self.tries = tries
        self.failingSince = failingSince
        self.dueAt = dueAt
    }
}

/// The outcome of a delivery.
package enum WebhookOutcome: Hashable, Sendable {
    /// The webhook has everything up to a position; entries that it does not want count as delivered.
    ///
    /// - Parameter isSent: False if there was nothing to send.
    case delivered(upTo: Position, isSent: Bool = true)
    /// The webhook knows that the chat was deleted, or does not want to know; its position is removed.
    case deletionDelivered(isSent: Bool = true)
    /// Nothing was delivered.
    ///
    /// - Parameters:
    ///   - error: One line for the operator.
    ///   - retryAt: Nil gives the chat up: it is stalled until it is replayed or the webhook is enabled again.
    case failed(error: String, retryAt: Instant?)
    /// The target wants no more deliveries, so the webhook is disabled and nothing was delivered.
    ///
    /// - Parameter reason: One line for the operator.
    case refused(reason: String)
}

/// How far a webhook is behind.
package struct WebhookState: Equatable, Sendable {
    /// The most chats in `failing`.
    package static let maximumFailing = 100

    package let webhook: Webhook
    /// The number of chats with entries to deliver, without stalled ones.
    package let pendingChats: Int
    /// The number of those of which the last attempt failed.
    package let failingChats: Int
    /// The number of chats that were given up.
    package let stalledChats: Int
    /// Since when the chat that has waited longest waits; nil if none waits.
    package let pendingSince: Instant?
    package let lastSuccessAt: Instant?
    /// When a delivery last failed.
    package let lastFailureAt: Instant?
    /// Why it failed.
    package let lastError: String?
    /// Failing and stalled chats, those that fail longest first, at most `maximumFailing`.
    package let failing: [FailingChat]

    /// A chat whose entries cannot be delivered.
    package struct FailingChat: Equatable, Sendable {
        package let chatID: ChatID
        /// The last position that was delivered.
        package let position: Position
        package let tries: Int
        package let failingSince: Instant
        /// One line for the operator.
        package let error: String
        /// When the next attempt is due; nil if the chat is stalled.
        package let retryAt: Instant?

        package init(
            chatID: ChatID,
            position: Position,
            tries: Int,
            failingSince: Instant,
            error: String,
            retryAt: Instant?
        ) {
            self.chatID = chatID
            self.position = position
            self.tries = tries
            self.failingSince = failingSince
            self.error = error
            self.retryAt = retryAt
        }
    }

    package init(
        webhook: Webhook,
        pendingChats: Int = 0,
        failingChats: Int = 0,
        stalledChats: Int = 0,
        pendingSince: Instant? = nil,
        lastSuccessAt: Instant? = nil,
        lastFailureAt: Instant? = nil,
        lastError: String? = nil,
        failing: [FailingChat] = []
    ) {
        self.webhook = webhook
        self.pendingChats = pendingChats
        self.failingChats = failingChats
        self.stalledChats = stalledChats
        self.pendingSince = pendingSince
        self.lastSuccessAt = lastSuccessAt
        self.lastFailureAt = lastFailureAt
        self.lastError = lastError
        self.failing = failing
    }
}
