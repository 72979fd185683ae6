import ChatDomain
import ChatWire
import NIOCore

/// The topics and subscribers of one event loop.
///
/// Calls go one way: from the shard to its topics, their subscriptions, the subscribers and their sinks. A connection
/// calls its shard to subscribe, unsubscribe and resume. Confined to the event loop.
package final class TopicShard {
    let eventLoop: any EventLoop
    let limits: StreamLimits
    let source: ReplaySource
    private let openMessages: OpenMessageTable
    private(set) var topics: [ChatID: Topic] = [:]
    private var subscribers: [Subscriber] = []
    private var ticks: RepeatedTask?
    /// What was sent to subscribers that have ended, and how many of them were disconnected.
    private var past = DeliveryLoad()

    init(
        _ eventLoop: any EventLoop,
        _ limits: StreamLimits,
        _ source: ReplaySource,
        _ openMessages: OpenMessageTable
    ) {
        self.eventLoop = eventLoop
        self.limits = limits
        self.source = source
        self.openMessages = openMessages
    }

    /// Registers a subscriber for heartbeats, stall checks and discovery; checks run once per second.
    package func add(_ subscriber: Subscriber) {
        subscribers.appendIndexed(subscriber)
        guard ticks == nil else { return }
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        ticks = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            loopBound.value.tick()
        }
    }

    /// Ends a subscriber and all its subscriptions, and cancels its reads.
    package func remove(_ subscriber: Subscriber) {
        for subscription in subscriber.end() {
            detach(subscription)
        }
        if subscriber.index != nil {
            past.sent += subscriber.sentCount
            past.disconnected += subscriber.isTooSlow ? 1 : 0
        }
        subscribers.removeIndexed(subscriber)
        source.cancel(subscriber.turn)
        if subscribers.isEmpty {
            ticks?.cancel()
            ticks = nil
        }
    }

    /// Starts a subscription of one of the subscribers of the shard.
    ///
    /// - Parameter chat: The chat as read after the interest was registered.
    package func start(_ subscription: Subscription, _ chat: SubscriptionStart) {
        if let other = topics[subscription.chatID], other.epoch != subscription.epoch {
            reset(other, in: subscription.epoch)
        }
        let topic = topics[subscription.chatID] ?? Topic(chat, openMessages)
        topics[subscription.chatID] = topic
        topic.add(subscription)
        pump(subscription, topic)
        // Signals that arrived before the topic existed reached no one.
        let news = subscription.interest.news
        read(topic, to: max(chat.end, news.end ?? chat.end))
        if news.isDeleted {
            deleteIfGone(topic)
        }
    }

    /// Ends one subscription; the sink is not told.
    package func unsubscribe(_ subscription: Subscription) {
        subscription.subscriber.remove(subscription)
        detach(subscription)
    }

    /// Resumes delivery when the connection of a subscriber has become writable.
    package func resume(_ subscriber: Subscriber) {
        subscriber.resume()
        for subscription in subscriber.subscriptions where subscription.lags || subscription.missesGrowth {
            pump(subscription)
        }
    }

    /// The open connections of the event loop.
    var streams: [OpenStream] {
        subscribers.compactMap { $0.description(lag: lag(of: $0)) }
    }

    /// What the event loop delivers.
    var load: DeliveryLoad {
        subscribers.reduce(into: past) { load, subscriber in
            let lag = lag(of: subscriber)
            load.lag += lag
            load.longestLag = max(load.longestLag, lag)
            load.stalled += subscriber.isWritable ? 0 : 1
            load.sent += subscriber.sentCount
        }
    }

    /// Entries that were not sent yet; a subscription that does not lag has been sent everything.
    private func lag(of subscriber: Subscriber) -> Int64 {
        subscriber.subscriptions.lazy.filter(\.lags).reduce(0) { sum, subscription in
            let end = topics[subscription.chatID]?.end ?? subscription.position
            return sum + max(0, end.rawValue - subscription.position.rawValue)
        }
    }

    private func detach(_ subscription: Subscription) {
        guard let topic = topics[subscription.chatID] else { return }
        topic.remove(subscription)
        if topic.subscriptions.isEmpty {
            topics[topic.chatID] = nil
        }
    }
}

extension TopicShard {
    func receive(_ signals: [ShardSignal]) {
        var changed: [Topic] = []
        for signal in signals {
            switch signal {
            case .events(let events):
                for event in events {
                    guard let topic = topics[event.chatID] else { continue }
                    if let place = event.place {
                        append(event, at: place, to: topic, &changed)
                    } else {
                        topic.sendEphemeral(event)
                    }
                }
            case .moved(let ends, let epoch):
                for (chatID, end) in ends {
                    topics[chatID].map { move($0, to: end, in: epoch) }
                }
            case .listed(let chats, let epoch):
                for subscriber in subscribers {
                    subscriber.discover(chats, in: epoch)
                }
            case .deleted(let chatID):
                topics[chatID].map(deleteIfGone)
            case .rewound(let chatID, let epoch):
                topics[chatID].map { reset($0, in: epoch) }
            case .changed(let message):
                topics[message.reference.chatID]?.receive(message)
            case .cancelRequested(let reference, let event):
                topics[reference.chatID]?.sendCancelRequest(event, of: reference)
            }
        }
        for topic in changed {
            deliver(topic)
        }
    }

    private func append(_ event: LiveEvent, at place: LogPlace, to topic: Topic, _ changed: inout [Topic]) {
        if let epoch = place.epoch, epoch != topic.epoch { return reset(topic, in: epoch) }
        let isFirst = !topic.hasUndelivered
        switch topic.append(event, at: place.position) {
        case .known: break
        case .rewritten: reset(topic, in: topic.epoch)
        case .gap: read(topic, to: place.position)
        case .added: if isFirst { changed.append(topic) }
        }
    }

    func deliver(_ topic: Topic) {
        for subscription in topic.subscriptions where subscription.isActive {
            pump(subscription, topic)
        }
        if topic.finishDelivery(limits) {
            for subscription in topic.subscriptions
            where subscription.isActive && subscription.isOverrun(by: topic.buffer) {
                pump(subscription, topic)
            }
        }
        topic.trim()
    }

    func pump(_ subscription: Subscription) {
        guard subscription.isActive, let topic = topics[subscription.chatID] else { return }
        pump(subscription, topic)
        topic.trim()
    }

    private func pump(_ subscription: Subscription, _ topic: Topic) {
        switch topic.pump(subscription) {
        case .needs(let position): read(subscription, after: position)
        case .left:
            delete(subscription)
            // The user may have joined again meanwhile.
            subscription.subscriber.discover([subscription.chatID], in: nil)
        case .advanced, .waits: break
        }
    }

    private func move(_ topic: Topic, to end: Position, in epoch: Epoch?) {
        if let epoch, epoch != topic.epoch {
            reset(topic, in: epoch)
        } else {
            read(topic, to: end)
        }
    }

    /// Makes the subscribers of a topic start over: its epoch has changed, or its log has gone backward.
    func reset(_ topic: Topic, in epoch: Epoch) {
        for subscription in topic.subscriptions where subscription.isActive {
            subscription.subscriber.reset(in: epoch)
        }
    }

    func delete(_ topic: Topic) {
        for subscription in topic.subscriptions where subscription.isActive {
            delete(subscription)
        }
    }

    func delete(_ subscription: Subscription) {
        unsubscribe(subscription)
        subscription.subscriber.sendDeleted(subscription)
    }

    private func tick() {
        let now = NIODeadline.now()
        let (heartbeat, timeout) = (TimeAmount(limits.heartbeat), TimeAmount(limits.stallTimeout))
        for subscriber in subscribers where subscriber.index != nil {
            subscriber.tick(at: now, heartbeat: heartbeat, stallTimeout: timeout)
        }
    }
}
