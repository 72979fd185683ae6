// A server that sends back what it gets on a WebSocket, for tests of the protocol. It logs the port that it was given.
//
//     EchoServer [SECONDS]    the ping interval and the pong timeout; the service's defaults if it is not given

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
        let application = Application(
            router: router(limits),
            server: .http1(configuration: HTTP1Channel.Configuration(additionalChannelHandlers: [UpgradeGuard()])),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0), backlog: 1024)
        )
        try await application.runService()
    }

    private static func router(_ limits: WebSocketLimits) -> Router<EchoContext> {
        let router = Router(context: EchoContext.self)
        router.get("plain") { _, _ in "an ordinary answer" }
        router.get("echo") { request, context in
            do throws(WebSocketHandshakeError) {
                let handshake = try WebSocketHandshake(request.head)
                guard OriginPolicy.sameHost.allows(request.head) else { return Response(status: .forbidden) }
                let channel = context.channel
                let body = ResponseBody { _ in
                    try await WebSocketConnection.takeOver(channel, limits: limits) { EchoSession() }
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

/// Hands the channel of a request on to its handler.
struct EchoContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
