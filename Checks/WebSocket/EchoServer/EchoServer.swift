// Echoes what it receives on a WebSocket, for tests of the protocol. It logs the port that it listens on.
//
//     EchoServer [SECONDS]    the ping interval and the pong timeout; the service's defaults if omitted

import HTTPConnections
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import WebSocket

@main
struct EchoServer {
    static func main() async throws {
        var limits = WebSocketLimits()
        if let seconds = CommandLine.arguments.dropFirst().first.flatMap(Double.init) {
            limits.pingInterval = .seconds(seconds)
            limits.pongTimeout = .seconds(seconds)
        }
        let responder = router(limits).buildResponder()
        let connections = RequestChannel(responder: responder, logger: Logger(label: "echo"))
        let application = Application(
            responder: responder,
            server: HTTPServerBuilder { _ in connections },
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0), backlog: 1024)
        )
        try await application.runService()
    }

    private static func router(_ limits: WebSocketLimits) -> Router<BasicRequestContext> {
        let router = Router()
        router.get("plain") { _, _ in "an ordinary answer" }
        router.get("echo") { request, _ in
            do throws(WebSocketHandshakeError) {
                let handshake = try WebSocketHandshake(request.head)
                guard OriginPolicy.sameHost.allows(request.head) else { return Response(status: .forbidden) }
                let body = ResponseBody.takingOver { connection in
                    try? WebSocketConnection.takeOver(
                        connection.channel,
                        received: connection.received,
                        isQuiescing: connection.isQuiescing,
                        limits: limits,
                        session: EchoSession()
                    )
                }
                return Response(status: .switchingProtocols, headers: handshake.responseFields, body: body)
            } catch {
                let reason = ResponseBody(byteBuffer: ByteBuffer(string: error.reason))
                return Response(status: error.status, headers: error.responseFields, body: reason)
            }
        }
        return router
    }
}
