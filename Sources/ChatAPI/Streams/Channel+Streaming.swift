import ChatLive
import NIOCore

extension Channel {
    /// Detects a client that has vanished.
    ///
    /// - Precondition: Called on the event loop of the channel.
    func prepareForStreaming(_ limits: StreamLimits) {
        // Two heartbeats without an acknowledgement; by default, the kernel retries for about 15 minutes.
        let timeout = Int((limits.heartbeat * 2).components.seconds) * 1_000
        try? syncOptions?.setOption(.tcpOption(NIOBSDSocket.Option(rawValue: tcpUserTimeout)), value: timeout)
    }
}

extension ChannelHandlerContext {
    /// Removes a handler once the channel has finished calling its handlers, unless it has left by then.
    func removeLater(_ handler: any RemovableChannelHandler) {
        let loopBound = NIOLoopBound(handler, eventLoop: eventLoop)
        eventLoop.execute { [pipeline] in
            pipeline.syncOperations.removeHandler(loopBound.value, promise: nil)
        }
    }
}

/// `TCP_USER_TIMEOUT` of Linux (tcp(7)), in milliseconds.
private let tcpUserTimeout: CInt = 18
