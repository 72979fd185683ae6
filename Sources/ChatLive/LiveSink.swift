package import ChatDomain
package import NIOCore

/// Where a reader's events go: a stream, a socket, or somebody who only waits for one.
///
/// Confined to the event loop of its connection.
package protocol LiveSink: AnyObject {
    /// Whether the connection takes more without keeping it in memory.
    var isWritable: Bool { get }

    func send(_ event: LiveEvent, from follow: LogFollow)

    /// Everything was sent that was there when the reader came.
    func sendCaughtUp(_ follow: LogFollow)

    /// The chat is no more; the reader does not follow it any longer.
    func sendDeleted(_ follow: LogFollow)

    func sendHeartbeat()

    /// Since when there is something that a client that comes back would be sent again; a heartbeat ends it.
    var repeatsSince: NIODeadline? { get }

    func flush()

    /// There are chats that a reader of all chats may not follow yet.
    ///
    /// - Parameter epoch: That of the list; nil where they were only heard of.
    func discover(_ chats: [ChatID], in epoch: Epoch?)

    /// The history that the reader has begun with is not the database's any more: it may have gone backward.
    func reset(in epoch: Epoch)

    /// The chat's log has nothing at the position that comes next: reading it again would not help.
    func fail(_ follow: LogFollow)

    /// The reader has not kept up, and is to be ended.
    func overflow()
}

extension LiveSink {
    package var repeatsSince: NIODeadline? { nil }
}
