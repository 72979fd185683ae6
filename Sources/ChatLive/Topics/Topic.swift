import ChatDomain

/// The subscriptions to a chat on one event loop, with the replay buffer they share.
///
/// Confined to that event loop.
final class Topic {
    let chatID: ChatID
    let epoch: Epoch
    private(set) var buffer: ReplayBuffer
    /// All of this server.
    let openMessageTable: OpenMessageTable
    /// Those of the chat whose text the subscriptions receive; few.
    var openMessages: [OpenMessage]
    private(set) var subscriptions: [Subscription] = []
    /// A position that the log is known to have reached; the buffer may lag behind it.
    var knownEnd: Position
    /// Whether entries that were not signalled are being read from the store.
    var isReading = false
    /// Whether the buffer holds events that have not been delivered yet.
    private(set) var hasUndelivered = false

    init(_ chat: SubscriptionStart, _ openMessageTable: OpenMessageTable) {
        chatID = chat.interest.chatID
        epoch = chat.epoch
        self.openMessageTable = openMessageTable
        // Signals that arrived before the topic existed reached no one.
        openMessages = openMessageTable.messages(of: chatID)
        buffer = ReplayBuffer(end: chat.end, lastInstant: chat.endInstant)
        knownEnd = chat.end
    }

    /// The last position that the log is known to have.
    var end: Position {
        max(buffer.end, knownEnd)
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
        event.endedMessage.map(noteEnd(of:))
        let appended = buffer.append(event, at: position)
        if case .added = appended {
            hasUndelivered = true
        }
        return appended
    }

    /// Sends a subscription the events of the buffer that it needs.
    ///
    /// - Returns: What the subscription needs to go on; never `advanced`.
    func pump(_ subscription: Subscription) -> Subscription.Progress {
        var need = Subscription.Progress.waits
        while subscription.isActive {
            let progress = subscription.advance(in: buffer)
            switch progress {
            case .advanced: break
            case .needs: need = progress
            case .left: return .left
            case .waits:
                // Text comes after all entries, so it neither delays nor overtakes one.
                subscription.sendGrowth(of: openMessages, in: buffer)
                return need
            }
        }
        return need
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
