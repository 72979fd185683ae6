package import ChatAPI
package import ChatDomain
package import ChatLive
package import HTTPConnections
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// Runs the service in this process, on a free loopback port, during `body`, then shuts it down gracefully.
package func withServer<Result: Sendable>(
    _ store: some ChatStore,
    typing: TypingNotices = TypingNotices(),
    limits: HTTPLimits = HTTPLimits(),
    streamLimits: StreamLimits = StreamLimits(),
    allowedHosts: HostPolicy = .any,
    rootPath: String = "",
    purgeInterval: Duration = .seconds(30),
    documentationAssets: String = "public/docs",
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HTTPTestClient) async throws -> Result
) async throws -> Result {
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let service = ChatService(
        store: store,
        typing: typing,
        limits: limits,
        streamLimits: streamLimits,
        allowedHosts: allowedHosts,
        rootPath: rootPath,
        purgeInterval: purgeInterval,
        documentationAssets: documentationAssets
    )
    let application = await service.application(address: .hostname("127.0.0.1", port: 0), logger: logger) { channel in
        port.yield(channel.localAddress?.port ?? 0)
    }
    let group = ServiceGroup(services: [application], logger: logger)
    async let running: Void = group.run()
    guard let chosen = await ports.first(where: { _ in true }) else { throw CancellationError() }
    do {
        let result = try await body(HTTPTestClient(port: chosen))
        await group.triggerGracefulShutdown()
        try await running
        return result
    } catch {
        await group.triggerGracefulShutdown()
        try await running
        throw error
    }
}

/// The same with a new, empty store of the given kind.
package func withServer<Result: Sendable>(
    on store: StoreUnderTest,
    limits: HTTPLimits = HTTPLimits(),
    streamLimits: StreamLimits = StreamLimits(),
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HTTPTestClient) async throws -> Result
) async throws -> Result {
    try await store.withStore { store in
        try await withServer(store, limits: limits, streamLimits: streamLimits, body)
    }
}
