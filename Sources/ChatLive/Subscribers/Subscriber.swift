import ChatDomain
import NIOCore

/// A connection that subscribes to topics.
///
/// While the connection is not writable, its subscriptions wait for as long as the replay buffers hold the events they
/// need; after that, the subscriber is disconnected. There is no queue per subscriber. Confined to the event loop of
/// the connection.
package final class Subscriber: Indexed {
    private let client: String
    /// Nil once the subscriber has ended; until then, the two retain each other.
    private var sink: (any EventSink)?
    /// In the order in which they were added; empty once the subscriber has ended.
    package private(set) var subscriptions: [Subscription] = []
    /// The index among the subscribers of the shard; nil before it is added and once it has ended.
    package var index: Int?
    private let openedAt = Instant.now()
    /// Events sent so far.
    private(set) var sentCount = 0
    /// Whether it is disconnected because it could not keep up.
    private(set) var isTooSlow = false
    private var needsFlush = false
    /// When the sink was last flushed.
    private var lastWrite = NIODeadline.now()
    /// When the connection stopped being writable; nil while it is.
    private var stalledSince: NIODeadline?

    /// - Parameter client: Whose reads of the store take turns with those of other clients.
    package init(client: String, sink: any EventSink) {
        self.client = client
        self.sink = sink
    }

    /// The owner of its reads in the fair queue.
    var turn: [ReplaySource.Turn] {
        [.replay, .client(client), .subscriber(ObjectIdentifier(self))]
    }

    /// Describes the connection to an operator; nil once the subscriber has ended.
    ///
    /// - Parameter lag: Entries of the subscriptions that were not sent yet.
    func description(lag: Int64) -> OpenStream? {
        guard let sink else { return nil }
        return OpenStream(
            peer: sink.peer,
            openedAt: openedAt,
            chatCount: subscriptions.count,
            lag: lag,
            isStalled: !sink.isWritable
        )
    }

    /// Adds a subscription; nothing is sent until the shard starts it.
    package func add(_ chat: SubscriptionStart) -> Subscription {
        let subscription = Subscription(chat, of: self)
        subscriptions.append(subscription)
        return subscription
    }

    func remove(_ subscription: Subscription) {
        subscriptions.removeAll { $0 === subscription }
    }

    /// - Returns: The subscriptions it had.
    func end() -> [Subscription] {
        defer { subscriptions = [] }
        sink = nil
        return subscriptions
    }
}

/// Delivery to the sink.
extension Subscriber {
    var isWritable: Bool {
        sink?.isWritable ?? false
    }

    /// Whether the connection accepts more, after a flush if necessary.
    func makeRoom() -> Bool {
        if isWritable { return true }
        // A flush may move what was written into the socket.
        flush()
        if isWritable { return true }
        stalledSince = stalledSince ?? .now()
        return false
    }

    func send(_ event: LiveEvent, from subscription: Subscription) {
        needsFlush = true
        sentCount += 1
        sink?.send(event, from: subscription)
    }

    func sendCaughtUp(_ subscription: Subscription) {
        needsFlush = true
        sink?.sendCaughtUp(subscription)
    }

    func sendDeleted(_ subscription: Subscription) {
        needsFlush = true
        sink?.sendDeleted(subscription)
        flush()
    }

    /// Flushes if anything was sent since the last flush.
    func flush() {
        guard needsFlush, let sink else { return }
        needsFlush = false
        sink.flush()
        lastWrite = .now()
    }

    func discover(_ chats: [ChatID], in epoch: Epoch?) {
        sink?.discover(chats, in: epoch)
    }

    func reset(in epoch: Epoch) {
        sink?.reset(in: epoch)
    }

    func fail(_ subscription: Subscription) {
        sink?.fail(subscription)
    }

    func overflow() {
        isTooSlow = true
        sink?.overflow()
    }

    func resume() {
        stalledSince = nil
    }

    /// Sends a heartbeat on an idle connection, and disconnects a stalled one.
    func tick(at now: NIODeadline, heartbeat: TimeAmount, stallTimeout: TimeAmount) {
        guard let sink else { return }
        if !sink.isWritable {
            // Even if nothing more is sent, what is buffered takes up memory.
            stalledSince = stalledSince ?? now
        }
        if let stalledSince, stalledSince + stallTimeout <= now {
            overflow()
        } else if min(lastWrite, sink.repeatsSince ?? lastWrite) + heartbeat <= now, sink.isWritable {
            sink.sendHeartbeat()
            sink.flush()
            lastWrite = now
        }
    }
}
