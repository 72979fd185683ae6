import ChatTestSupport
import HTTPConnections
import Hummingbird
import HummingbirdCore
import NIOCore
import ServiceLifecycle
import WebSocket

/// A server with a WebSocket at `/ws`, on a free loopback port.
struct WebSocketServer {
    let client: HTTPTestClient
    private let group: ServiceGroup
    private var events: AsyncStream<RecordingSession.Event>.Iterator

    /// Runs a server while `body` uses it.
    ///
    /// - Parameter reaction: How sessions react to text.
    static func run(
        limits: WebSocketLimits = WebSocketLimits(),
        reaction: @escaping RecordingSession.Reaction = { text, connection in
            connection.write(text: ByteBuffer(string: text))
        },
        isolation: isolated (any Actor)? = #isolation,
        _ body: (inout WebSocketServer) async throws -> Void
    ) async throws {
        let (events, event) = AsyncStream.makeStream(of: RecordingSession.Event.self)
        let router = Router()
        router.get("plain") { _, _ in "plain" }
        router.get("ws") { request, _ in
            do throws(WebSocketHandshakeError) {
                let handshake = try WebSocketHandshake(request.head)
                let body = ResponseBody.takingOver { connection in
                    try? WebSocketConnection.takeOver(
                        connection.channel,
                        received: connection.received,
                        isQuiescing: connection.isQuiescing,
                        limits: limits,
                        session: RecordingSession(event, reaction: reaction)
                    )
                }
                return Response(status: .switchingProtocols, headers: handshake.responseFields, body: body)
            } catch {
                return Response(status: error.status, headers: error.responseFields)
            }
        }
        let responder = router.buildResponder()
        try await withApplication { logger, onServerRunning in
            let connections = RequestChannel(responder: responder, logger: logger)
            return Application(
                responder: responder,
                server: HTTPServerBuilder { _ in connections },
                configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
                onServerRunning: onServerRunning,
                logger: logger
            )
        } _: { client, group in
            var server = WebSocketServer(client: client, group: group, events: events.makeAsyncIterator())
            try await body(&server)
        }
    }

    /// The next event that a session receives.
    mutating func nextEvent(isolation: isolated (any Actor)? = #isolation) async -> RecordingSession.Event? {
        await events.next(isolation: isolation)
    }

    func shutDown() async {
        await group.triggerGracefulShutdown()
    }
}
