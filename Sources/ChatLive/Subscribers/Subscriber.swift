import ChatDomain
import NIOCore

/// A connection that subscribes to topics.
///
/// While the connection accepts nothing, its subscriptions wait for as long as the replay buffers hold what they are missing;
/// then it is disconnected. Nothing is buffered for one subscriber alone. Confined to the event loop of the connection.
package final class Subscriber: Indexed {
    private let address: String
    /// Nil once it has ended; until then the two keep each other alive.
    private var sink: (any EventSink)?
    package private(set) var subscriptions: [Subscription] = []
    /// Its index among the shard's subscribers; nil once it has ended.
    package var index: Int?
    private var needsFlush = false
    /// When something was last sent.
    private var lastWrite = NIODeadline.now()
    /// Since when the connection accepts nothing.
    private var stalledSince: NIODeadline?

    /// - Parameter address: The client's.
    package init(address: String, sink: any EventSink) {
        self.address = address
        self.sink = sink
    }

    /// How it takes turns in reading from the store.
    var turn: [ReplaySource.Turn] {
        [.replay, .address(address), .subscriber(ObjectIdentifier(self))]
    }

    /// Adds a subscription; nothing is sent before the shard starts it.
    package func add(_ chat: SubscriptionStart) -> Subscription {
        let subscription = Subscription(chat, of: self)
        subscriptions.append(subscription)
        return subscription
    }

    func remove(_ subscription: Subscription) {
        subscriptions.removeAll { $0 === subscription }
    }

    /// - Returns: The subscriptions that it had.
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

    /// Whether the connection accepts more, if need be after a flush.
    func makeRoom() -> Bool {
        if isWritable { return true }
        // What was written may fit into the socket.
        flush()
        if isWritable { return true }
        stalledSince = stalledSince ?? .now()
        return false
    }

    func send(_ event: LiveEvent, from subscription: Subscription) {
        needsFlush = true
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

    /// Flushes what was sent since the last time.
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
        sink?.overflow()
    }

    func resume() {
        stalledSince = nil
    }

    /// Keeps a quiet connection open, and disconnects one that has accepted nothing for too long.
    func tick(at now: NIODeadline, heartbeat: TimeAmount, stallTimeout: TimeAmount) {
        guard let sink else { return }
        if !sink.isWritable {
            // Even with nothing more to send, what was written takes up memory.
            stalledSince = stalledSince ?? now
        }
        if let stalledSince, stalledSince + stallTimeout <= now {
            sink.overflow()
        } else if min(lastWrite, sink.repeatsSince ?? lastWrite) + heartbeat <= now, sink.isWritable {
            sink.sendHeartbeat()
            sink.flush()
            lastWrite = now
        }
    }
}
