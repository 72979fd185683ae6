/// The limits and timeouts of HTTP connections.
package struct HTTPLimits: Sendable {
    /// The maximum size of a request body that does not stream; a larger one gets 413.
    package var maximumBodyBytes = 512 * 1024
    /// How long a request body that does not stream may take to arrive, from the end of the head, before the request gets
    /// 408.
    package var bodyTimeout = Duration.seconds(30)
    /// How long a connection may have no request, an incomplete head, or a client that reads nothing of a response,
    /// before it is closed.
    package var idleTimeout = Duration.seconds(60)
    /// How long the TLS handshake may take, from the start of the connection.
    package var handshakeTimeout = Duration.seconds(10)
    /// The maximum size of a request head; a larger one gets 431.
    package var maximumHeaderBytes = 16 * 1024
    /// The maximum number of regular connections; more can only make essential requests, such as health checks.
    package var maximumConnections = 10_000
    /// The same limit for one IPv4 address or IPv6 /64, unless it is a trusted proxy's.
    package var maximumConnectionsPerAddress = 2_000
    /// The proxies whose connections have many clients.
    package var trustedProxies = TrustedProxies.none
    /// The maximum number of connections over these limits; one more closes one of the client that has the most.
    ///
    /// As many as the kernel's queue of connections to accept: when a busy server accepts them all at once, the request
    /// on each is still read before another flood closes it.
    package var maximumSurplusConnections = 256
    /// How long a connection over the limits may stay open.
    package var surplusTimeout = Duration.seconds(5)
    /// The maximum number of unsent response bytes on all connections together.
    ///
    /// Above it, clients with more than an equal share get 503, and clients that read nothing are disconnected after
    /// `stallTimeout`.
    package var maximumUnsentBytes = 256 * 1024 * 1024
    /// How long a client may read nothing while there are too many unsent bytes.
    package var stallTimeout = Duration.seconds(5)
    /// How long a client may keep sending after the last response: closing earlier would reset the connection, and the
    /// client might lose the response.
    package var lingering = Duration.seconds(2)

    package init() {}
}
