import ChatDomain

/// Where a reader's events go: a stream, a socket, or somebody who only waits for one.
///
/// Confined to the event loop of its connection.
protocol LiveSink: AnyObject {
    /// Whether the connection takes more without keeping it in memory.
    var isWritable: Bool { get }

    func send(_ event: LiveEvent, from follow: LogFollow)

    /// Everything was sent that was there when the reader came.
    func sendCaughtUp(_ follow: LogFollow)

    /// The chat is no more; the reader does not follow it any longer.
    func sendDeleted(_ follow: LogFollow)

    func sendHeartbeat()

    func flush()

    /// There is a chat that a reader of all chats may not follow yet.
    func discover(_ chats: [ChatID])

    /// The reader has not kept up, and is to be ended.
    func overflow()
}
