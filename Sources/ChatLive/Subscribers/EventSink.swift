package import ChatDomain
package import NIOCore

/// The connection that a subscriber writes to: a stream, a WebSocket or a long poll.
///
/// Confined to the event loop of its connection. A sent event may wait for `flush`.
package protocol EventSink: AnyObject {
    /// Whether the connection accepts more without buffering it in memory.
    var isWritable: Bool { get }

    /// Who is at the other end.
    var peer: StreamPeer { get }

    /// Writes an event: log entries in order of position, notices and text of open messages in between.
    func send(_ event: LiveEvent, from subscription: Subscription)

    /// Everything that existed when the subscription started has been sent.
    func sendCaughtUp(_ subscription: Subscription)

    /// The chat was deleted or the user left it, and the subscription has ended.
    func sendDeleted(_ subscription: Subscription)

    /// Called when nothing was flushed for the heartbeat interval, or when `repeatsSince` is that long ago.
    func sendHeartbeat()

    /// The time since which events have been sent that a client would receive again if it reconnected; nil if none.
    ///
    /// The next heartbeat carries the cursor that prevents it.
    var repeatsSince: NIODeadline? { get }

    /// Called at the end of a batch of writes, and when the connection does not accept more.
    func flush()

    /// Reports chats that a stream of all chats may not be subscribed to yet.
    ///
    /// - Parameter epoch: The epoch of the list; nil for chats reported by a signal or left by the user.
    func discover(_ chats: [ChatID], in epoch: Epoch?)

    /// The epoch has changed, or the log has gone backward: the client must start over.
    func reset(in epoch: Epoch)

    /// The log has no entry at the next position of the subscription, so that reading again cannot help.
    func fail(_ subscription: Subscription)

    /// The subscriber is too slow: disconnect it.
    func overflow()
}

extension EventSink {
    /// Nil by default: a client that reconnects receives no event twice.
    package var repeatsSince: NIODeadline? { nil }

    /// Ignored by default: only a stream of all chats follows chats that it did not ask for.
    package func discover(_ chats: [ChatID], in epoch: Epoch?) {}
}
