import HTTPConnections
import NIOCore
import WebSocket

extension WebSocketConnection {
    /// Takes over a connection whose request was answered with 101.
    static func takeOver(_ connection: TakenConnection, limits: WebSocketLimits, session: any WebSocketSession) {
        do {
            guard !connection.isInputClosed else { throw ChannelError.inputClosed }
            try takeOver(
                connection.channel,
                at: connection.channel.front,
                received: connection.received,
                isQuiescing: connection.isQuiescing,
                limits: limits,
                session: session
            )
        } catch {
            connection.channel.close(promise: nil)
        }
    }
}
