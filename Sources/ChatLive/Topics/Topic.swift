import ChatDomain

/// The subscriptions to a chat on one event loop, with the replay buffer they share.
///
/// Confined to that event loop.
final class Topic {
    let chatID: ChatID
    let epoch: Epoch
    private(set) var buffer: ReplayBuffer
    private(set) var subscriptions: [Subscription] = []
    /// A position that the log is known to have reached; the buffer may lag behind it.
    var knownEnd: Position
    /// Whether entries that were not signalled are being read from the store.
    var isReading = false
    /// Whether the buffer holds events that have not been delivered yet.
    private(set) var hasUndelivered = false

    init(_ chat: SubscriptionStart) {
        chatID = chat.interest.chatID
        epoch = chat.epoch
        buffer = ReplayBuffer(end: chat.end, lastInstant: chat.endInstant)
        knownEnd = chat.end
    }

    /// The owner of its reads in the fair queue.
    var turn: [ReplaySource.Turn] {
        [.live, .topic(ObjectIdentifier(self))]
    }

    func add(_ subscription: Subscription) {
        subscriptions.appendIndexed(subscription)
    }

    func remove(_ subscription: Subscription) {
        subscriptions.removeIndexed(subscription)
    }

    func append(_ event: LiveEvent, at position: Position) -> ReplayBuffer.Appended {
        let appended = buffer.append(event, at: position)
        if case .added = appended {
            hasUndelivered = true
        }
        return appended
    }

    /// Sends a subscription the events of the buffer that it needs.
    ///
    /// - Returns: The position after which the store must be read for it; nil if no read is needed.
    func pump(_ subscription: Subscription) -> Position? {
        var missing: Position?
        while subscription.isActive {
            switch subscription.advance(in: buffer) {
            case .advanced: break
            case .needs(let position): missing = position
            case .waits: return missing
            }
        }
        return missing
    }

    /// Sends a notice to all subscriptions; those that cannot take it now miss it.
    func sendEphemeral(_ event: LiveEvent) {
        for subscription in subscriptions {
            subscription.sendEphemeral(event)
        }
    }

    /// Ends a delivery: drops the oldest events beyond the limits.
    ///
    /// - Returns: Whether events were dropped, so that a subscription may be overrun.
    func finishDelivery(_ limits: StreamLimits) -> Bool {
        hasUndelivered = false
        return buffer.trim(toCount: limits.maximumLag, size: limits.maximumLagBytes)
    }

    /// Drops the events that no subscription needs any more.
    func trim() {
        // During a delivery, a connection that becomes writable may be ahead of the others.
        guard !hasUndelivered else { return }
        var floor = buffer.end
        for subscription in subscriptions where subscription.lags {
            floor = min(floor, subscription.floor)
        }
        buffer.trim(to: floor)
    }
}
