import ChatTestSupport
import HTTPConnections
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import ServiceLifecycle

/// A server of `RequestChannel` on a free loopback port.
enum ConnectionServer {
    typealias Upload = @Sendable (Request, any Channel) async throws -> Response

    /// Runs it while `body` uses it.
    ///
    /// - Parameters:
    ///   - identity: The certificate; nil for plain HTTP.
    ///   - streamTimeout: How long a client may send nothing of a body that it posts to `/upload`, which streams.
    ///   - onLargeRequest: Receives the channel of each request for `/bytes`.
    ///   - upload: Serves `/upload`; by default, it responds with the body.
    static func run(
        limits: HTTPLimits = HTTPLimits(),
        slots: ConnectionSlots? = nil,
        identity: ServerIdentity? = nil,
        streamTimeout: Duration = .seconds(300),
        onLargeRequest: @escaping @Sendable (any Channel) -> Void = { _ in },
        upload: @escaping Upload = { request, _ in try await echo(request) },
        isolation: isolated (any Actor)? = #isolation,
        _ body: (HTTPTestClient, ServiceGroup) async throws -> Void
    ) async throws {
        let responder = router(onLargeRequest, upload).buildResponder()
        try await withApplication { logger, onServerRunning in
            let connections = RequestChannel(
                responder: responder,
                limits: limits,
                slots: slots,
                identity: identity,
                logger: logger,
                isEssential: { $0 == "/health" },
                streamTimeout: { head, _ in head.path == "/upload" ? streamTimeout : nil }
            )
            return Application(
                responder: responder,
                server: HTTPServerBuilder { _ in connections },
                configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
                onServerRunning: onServerRunning,
                logger: logger
            )
        } _: { client, group in
            try await body(client, group)
        }
    }

    /// The same for a body that does not shut the server down.
    static func run(
        limits: HTTPLimits = HTTPLimits(),
        slots: ConnectionSlots? = nil,
        identity: ServerIdentity? = nil,
        streamTimeout: Duration = .seconds(300),
        onLargeRequest: @escaping @Sendable (any Channel) -> Void = { _ in },
        upload: @escaping Upload = { request, _ in try await echo(request) },
        isolation: isolated (any Actor)? = #isolation,
        _ body: (HTTPTestClient) async throws -> Void
    ) async throws {
        try await run(
            limits: limits,
            slots: slots,
            identity: identity,
            streamTimeout: streamTimeout,
            onLargeRequest: onLargeRequest,
            upload: upload
        ) { client, _ in
            try await body(client)
        }
    }

    /// Responds with what has arrived of a streamed body, and with 400 if it is incomplete.
    private static func echo(_ request: Request) async throws -> Response {
        var body = ByteBuffer()
        do {
            for try await piece in request.body {
                body.writeImmutableBuffer(piece)
            }
            return Response(status: .ok, body: ResponseBody(byteBuffer: body))
        } catch is StreamedBodyError {
            return Response(status: .badRequest, body: ResponseBody(byteBuffer: body))
        }
    }

    private static func router(
        _ onLargeRequest: @escaping @Sendable (any Channel) -> Void,
        _ upload: @escaping Upload
    ) -> Router<ChannelContext> {
        let router = Router(context: ChannelContext.self, options: .autoGenerateHeadEndpoints)
        router.get("health") { _, _ in "healthy" }
        router.post("echo") { request, _ in
            Response(status: .ok, body: ResponseBody(byteBuffer: try await request.body.collect(upTo: .max)))
        }
        router.post("upload") { request, context in try await upload(request, context.channel) }
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
