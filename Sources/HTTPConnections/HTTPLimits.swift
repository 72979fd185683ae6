/// How much of the server one client can take.
package struct HTTPLimits: Sendable {
    /// A larger body is answered with 413.
    package var maximumBodyBytes = 128 * 1024
    /// A request whose body has not arrived by then, counted from its head, is answered with 408.
    package var bodyTimeout = Duration.seconds(30)
    /// A connection is closed after so long without a request, with an unfinished head, or with bytes to be sent of
    /// which its peer reads none.
    package var idleTimeout = Duration.seconds(60)
    /// Larger heads are answered with 431.
    package var maximumHeaderBytes = 16 * 1024
    /// Further connections may only ask for the server's health.
    package var maximumConnections = 10_000
    /// The same for the connections of one address: an IPv4 address, or a /64 of IPv6.
    package var maximumConnectionsPerAddress = 2_000
    /// Connections over the limits that are kept at once; one more closes the oldest of them.
    package var maximumSurplusConnections = 64
    /// How long a connection over the limits may take for its request.
    package var surplusTimeout = Duration.seconds(5)
    /// While all connections together have more response bytes to be sent, requests are answered with 503, and peers
    /// that read nothing are given `stallTimeout`.
    package var maximumUnsentBytes = 256 * 1024 * 1024
    /// How long a peer may read nothing while there is too much to be sent.
    package var stallTimeout = Duration.seconds(5)
    /// How long a client may go on sending after the last response, so that a reset does not cost it the response.
    package var lingering = Duration.seconds(2)

    package init() {}
}
