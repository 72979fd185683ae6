import NIOCore
import WebSocket

/// Echoes what it receives, and stops reading while the client does not read.
final class EchoSession: WebSocketSession {
    func opened(_ connection: WebSocketConnection) {}

    func received(text: ByteBuffer, on connection: WebSocketConnection) {
        connection.write(text: text)
        pauseUnlessWritable(connection)
    }

    func received(binary: ByteBuffer, on connection: WebSocketConnection) {
        connection.write(binary: binary)
        pauseUnlessWritable(connection)
    }

    func writabilityChanged(of connection: WebSocketConnection) {
        if connection.isWritable { connection.resume() }
    }

    func closed(_ code: WebSocketCloseCode) {}

    private func pauseUnlessWritable(_ connection: WebSocketConnection) {
        if !connection.isWritable { connection.pause() }
    }
}
