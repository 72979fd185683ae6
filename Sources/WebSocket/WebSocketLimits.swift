/// How much of the server the client of one WebSocket can take.
package struct WebSocketLimits: Sendable {
    /// A longer message, also one in fragments, ends the connection with 1009.
    package var maximumMessageBytes = 128 * 1024
    /// A client that has sent nothing for so long is asked for a sign of life.
    package var pingInterval = Duration.seconds(30)
    /// A client that still sends nothing for so long after a ping is gone: the connection is dropped.
    package var pongTimeout = Duration.seconds(10)
    /// How long both sides have to say goodbye, from the first close frame on, before the connection is dropped.
    package var closeTimeout = Duration.seconds(5)

    package init() {}
}
