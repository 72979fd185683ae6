/// The limits and timeouts of one WebSocket.
package struct WebSocketLimits: Sendable {
    /// The maximum size of a message, fragmented or not; a larger one closes the connection with 1009.
    package var maximumMessageBytes = 512 * 1024
    /// How long a client may send nothing before the server pings it.
    package var pingInterval = Duration.seconds(30)
    /// How long a client may send nothing after a ping before the connection is dropped.
    package var pongTimeout = Duration.seconds(10)
    /// How long the closing handshake may take, from the first close frame, before the connection is dropped.
    package var closeTimeout = Duration.seconds(5)

    package init() {}
}
