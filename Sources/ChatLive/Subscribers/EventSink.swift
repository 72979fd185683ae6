package import ChatDomain
package import NIOCore

/// Where a subscriber's events go: a stream, a WebSocket or a long poll.
///
/// Confined to the event loop of its connection.
package protocol EventSink: AnyObject {
    /// Whether the connection accepts more without buffering it in memory.
    var isWritable: Bool { get }

    func send(_ event: LiveEvent, from subscription: Subscription)

    /// Everything that was there when the subscription started was sent.
    func sendCaughtUp(_ subscription: Subscription)

    /// The chat was deleted, and the subscription has ended.
    func sendDeleted(_ subscription: Subscription)

    func sendHeartbeat()

    /// Since when there is something that a client would receive again if it reconnected; a heartbeat ends that.
    var repeatsSince: NIODeadline? { get }

    func flush()

    /// There are chats to which a stream of all chats may not subscribe yet.
    ///
    /// - Parameter epoch: That of the list; nil for chats that were signalled.
    func discover(_ chats: [ChatID], in epoch: Epoch?)

    /// The history has another epoch, or the log has gone backward: the subscriber must start again.
    func reset(in epoch: Epoch)

    /// The log has no entry at the subscription's next position; reading it again would not help.
    func fail(_ subscription: Subscription)

    /// The subscriber does not keep up and is to be disconnected.
    func overflow()
}

extension EventSink {
    package var repeatsSince: NIODeadline? { nil }

    package func discover(_ chats: [ChatID], in epoch: Epoch?) {}
}
