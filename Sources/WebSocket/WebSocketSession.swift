package import NIOCore

/// What a server does with one WebSocket.
///
/// Everything is called on the connection's event loop and must not block it. What is written during a call is flushed
/// after it.
package protocol WebSocketSession: AnyObject {
    /// The first call.
    func opened(_ connection: WebSocketConnection)

    /// A whole message of valid UTF-8.
    func received(text: ByteBuffer, on connection: WebSocketConnection)

    func received(binary: ByteBuffer, on connection: WebSocketConnection)

    /// `connection.isWritable` has changed.
    func writabilityChanged(of connection: WebSocketConnection)

    /// The server wants to end: closes the connection with 1001 unless the session has something better to do.
    func serverIsShuttingDown(_ connection: WebSocketConnection)

    /// The last call: the connection is gone.
    ///
    /// - Parameter code: That of the first close frame, whoever sent it: `noStatus` if it had none, `abnormal` if there
    ///   was no close frame.
    func closed(_ code: WebSocketCloseCode)
}

extension WebSocketSession {
    package func writabilityChanged(of connection: WebSocketConnection) {}

    package func serverIsShuttingDown(_ connection: WebSocketConnection) {
        connection.close(.goingAway)
    }
}
