import ChatTestSupport
import HTTPConnections
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// A server of `RequestChannel` on a free loopback port.
enum ConnectionServer {
    /// Runs it while `body` uses it.
    ///
    /// - Parameter onLargeRequest: Receives the channel of each request for `/bytes`.
    static func run(
        limits: HTTPLimits = HTTPLimits(),
        onLargeRequest: @escaping @Sendable (any Channel) -> Void = { _ in },
        isolation: isolated (any Actor)? = #isolation,
        _ body: (HTTPTestClient) async throws -> Void
    ) async throws {
        let responder = router(onLargeRequest).buildResponder()
        try await withApplication { logger, onServerRunning in
            let connections = RequestChannel(
                responder: responder,
                limits: limits,
                logger: logger,
                isEssential: { $0 == "/health" }
            )
            return Application(
                responder: responder,
                server: HTTPServerBuilder { _ in connections },
                configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
                onServerRunning: onServerRunning,
                logger: logger
            )
        } _: { client, _ in
            try await body(client)
        }
    }

    private static func router(
        _ onLargeRequest: @escaping @Sendable (any Channel) -> Void
    ) -> Router<ChannelContext> {
        let router = Router(context: ChannelContext.self, options: .autoGenerateHeadEndpoints)
        router.get("health") { _, _ in "healthy" }
        router.post("echo") { request, _ in
            Response(status: .ok, body: ResponseBody(byteBuffer: try await request.body.collect(upTo: .max)))
        }
        router.get("empty") { _, _ in Response(status: .noContent) }
        router.get("bytes/{count}") { _, context in
            onLargeRequest(context.channel)
            let count = try context.parameters.require("count", as: Int.self)
            return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(repeating: 0x78, count: count)))
        }
        // Writes one word, ends if told to, and otherwise never ends.
        router.get("stream") { request, _ in
            let ends = request.uri.queryParameters["ends"] != nil
            return Response(
                status: .ok,
                body: .takingOver { connection in
                    let word = connection.isChunked ? "4\r\nword\r\n" : "word"
                    connection.channel.writeAndFlush(ByteBuffer(string: word), promise: nil)
                    if ends { connection.end() }
                }
            )
        }
        return router
    }
}

private struct ChannelContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
