import ChatDomain

/// A chat with subscriptions on one event loop, which share its replay buffer.
///
/// Confined to that event loop.
final class Topic {
    let chatID: ChatID
    let epoch: Epoch
    private(set) var buffer: ReplayBuffer
    private(set) var subscriptions: [Subscription] = []
    /// A position that the log is known to have reached.
    var knownEnd: Position
    /// Whether entries that were not signalled are being read.
    var isReading = false
    /// Whether the buffer holds events that were not delivered yet.
    private(set) var hasUndelivered = false

    init(_ chat: SubscriptionStart) {
        chatID = chat.interest.chatID
        epoch = chat.epoch
        buffer = ReplayBuffer(end: chat.end, lastInstant: chat.endInstant)
        knownEnd = chat.end
    }

    /// How it takes turns in reading from the store.
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

    /// Sends a subscription what the buffer holds for it.
    ///
    /// - Returns: The position after which the store must be read for it, or nil.
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

    /// Sends every subscription an event without a position, now or never.
    func sendEphemeral(_ event: LiveEvent) {
        for subscription in subscriptions {
            subscription.sendEphemeral(event)
        }
    }

    /// Ends a delivery: drops the oldest events beyond the limits.
    ///
    /// - Returns: Whether a subscription may have been overrun.
    func finishDelivery(_ limits: StreamLimits) -> Bool {
        hasUndelivered = false
        return buffer.trim(toCount: limits.maximumLag, size: limits.maximumLagBytes)
    }

    /// Drops the events that every subscription has.
    func trim() {
        // A connection that becomes writable during a delivery is ahead of the others.
        guard !hasUndelivered else { return }
        var floor = buffer.end
        for subscription in subscriptions where subscription.lags {
            floor = min(floor, subscription.floor)
        }
        buffer.trim(to: floor)
    }
}
