package import ChatAPI
package import ChatDomain
package import ChatIdentity
package import ChatLive
package import HTTPConnections
import Hummingbird
package import OpenMetrics
package import WebSocket

/// Runs the service in this process, on a free loopback port, during `body`, then shuts it down gracefully.
package func withServer<Result: Sendable>(
    _ store: some ServiceStore,
    authenticator: Authenticator? = nil,
    tokenSigner: TokenSigner? = nil,
    typing: TypingNotices = TypingNotices(),
    growth: GrowthNotices = GrowthNotices(),
    webhookSender: (any WebhookSender)? = nil,
    limits: HTTPLimits = HTTPLimits(),
    rateLimits: RateLimits? = nil,
    streamLimits: StreamLimits = StreamLimits(),
    corsOrigins: OriginPolicy = .sameHost,
    embedOrigins: [String] = [],
    allowedHosts: HostPolicy = .any,
    rootPath: String = "",
    deletionInterval: Duration = .seconds(30),
    documentationAssets: String? = "public/docs",
    servesPages: Bool = true,
    metrics: MetricRegistry = MetricRegistry(),
    log: LogCapture? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (HTTPTestClient) async throws -> Result
) async throws -> Result {
    let service = ChatService(
        store: store,
        authenticator: authenticator,
        tokenSigner: tokenSigner,
        typing: typing,
        growth: growth,
        webhookSender: webhookSender,
        limits: limits,
        rateLimits: rateLimits,
        streamLimits: streamLimits,
        corsOrigins: corsOrigins,
        embedOrigins: embedOrigins,
        allowedHosts: allowedHosts,
        rootPath: rootPath,
        deletionInterval: deletionInterval,
        documentationAssets: documentationAssets,
        servesPages: servesPages,
        metrics: metrics
    )
    return try await withApplication(log: log) { logger, onServerRunning in
        await service.application(
            address: .hostname("127.0.0.1", port: 0),
            logger: logger,
            onServerRunning: onServerRunning
        )
    } _: { client, _ in
        try await body(client)
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
