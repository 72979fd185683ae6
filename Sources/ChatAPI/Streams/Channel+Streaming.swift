import ChatLive
import NIOCore

extension Channel {
    /// The client's address without its port; the proxy's behind a proxy.
    var clientAddress: String {
        remoteAddress?.ipAddress ?? ""
    }

    /// Bounds what a client that does not read leaves in the kernel, and drops one that has vanished.
    ///
    /// - Precondition: On the channel's event loop.
    func prepareForStreaming(_ limits: StreamLimits) {
        try? syncOptions?.setOption(.socketOption(.so_sndbuf), value: 128 * 1024)
        #if os(Linux)
        // Two heartbeats without an acknowledgement; otherwise the kernel tries for a quarter of an hour.
        let timeout = Int((limits.heartbeat * 2).components.seconds) * 1_000
        try? syncOptions?.setOption(.tcpOption(NIOBSDSocket.Option(rawValue: tcpUserTimeout)), value: timeout)
        #endif
    }
}

/// `TCP_USER_TIMEOUT` of Linux (tcp(7)), in milliseconds.
private let tcpUserTimeout: CInt = 18
