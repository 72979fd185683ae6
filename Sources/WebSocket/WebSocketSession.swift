package import NIOCore

/// A handler for the events of one WebSocket.
///
/// All calls are made on the connection's event loop and must not block it. Writes made during a call are flushed after
/// it.
package protocol WebSocketSession: AnyObject {
    /// The connection is open; this is the first call.
    func opened(_ connection: WebSocketConnection)

    /// A complete text message has arrived; it is valid UTF-8.
    func received(text: ByteBuffer, on connection: WebSocketConnection)

    /// A complete binary message has arrived.
    func received(binary: ByteBuffer, on connection: WebSocketConnection)

    /// `connection.isWritable` has changed.
    func writabilityChanged(of connection: WebSocketConnection)

    /// The server is shutting down; the default closes the connection with 1001.
    func serverIsShuttingDown(_ connection: WebSocketConnection)

    /// The connection is gone; this is the last call.
    ///
    /// - Parameter code: The code of the first close frame from either side; `noStatus` if that frame had no code,
    ///   `abnormal` if there was no close frame.
    func closed(_ code: WebSocketCloseCode)
}

extension WebSocketSession {
    package func writabilityChanged(of connection: WebSocketConnection) {}

    package func serverIsShuttingDown(_ connection: WebSocketConnection) {
        connection.close(.goingAway)
    }
}
