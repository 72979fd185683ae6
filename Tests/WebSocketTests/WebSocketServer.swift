import ChatTestSupport
import HTTPConnections
import Hummingbird
import HummingbirdCore
import Logging
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
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
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
        let connections = RequestChannel(responder: responder, logger: logger)
        let application = Application(
            responder: responder,
            server: HTTPServerBuilder { _ in connections },
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) },
            logger: logger
        )
        let group = ServiceGroup(services: [application], logger: logger)
        async let running: Void = group.run()
        guard let chosen = await ports.first(where: { _ in true }) else { throw CancellationError() }
        var server = WebSocketServer(
            client: HTTPTestClient(port: chosen),
            group: group,
            events: events.makeAsyncIterator()
        )
        do {
            try await body(&server)
            await group.triggerGracefulShutdown()
            try await running
        } catch {
            await group.triggerGracefulShutdown()
            try await running
            throw error
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
