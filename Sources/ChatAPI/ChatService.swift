package import ChatDomain
package import ChatIdentity
package import ChatLive
import ChatOperations
package import HTTPConnections
package import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore
import NIOPosix
package import OpenMetrics
package import WebSocket

/// The HTTP service of a store: its routes, hub and background work.
package struct ChatService<Store: ServiceStore>: Sendable {
    /// Where all chats are read and written.
    package let store: Store
    /// Verifies the credentials of requests.
    package let authenticator: Authenticator
    /// Signs tokens for users; nil if the server has no secret to sign with.
    package let tokenSigner: TokenSigner?
    /// Carries typing notices between this process and others.
    package let typing: TypingNotices
    /// Carries notices about open messages between this process and others.
    package let growth: GrowthNotices
    /// The certificate for TLS; nil to serve plain HTTP.
    package let identity: ServerIdentity?
    /// Reports the users with an open stream to other parts of the process.
    package let connectedUsers: ConnectedUsers
    /// Delivers to webhooks; nil if this process does not.
    package let webhookSender: (any WebhookSender)?
    /// The limits of connections and of requests on them.
    package let limits: HTTPLimits
    /// How often each user or address may make requests; nil for any rate.
    package let rateLimits: RateLimits?
    /// The memory for messages being read.
    package let readLimits: ReadLimits
    /// The limits of streams, WebSockets, long polls and typing notices.
    package let streamLimits: StreamLimits
    /// The limits of the WebSocket protocol, such as the message size.
    package let webSocketLimits: WebSocketLimits
    /// The origins whose pages may open a WebSocket.
    package let webSocketOrigins: OriginPolicy
    /// The other origins whose pages may call the service; `sameHost` for none.
    package let corsOrigins: OriginPolicy
    /// The origins whose pages may embed a chat, written as in `https://app.example`.
    package let embedOrigins: [String]
    /// The maximum size of the cache of chats with their latest messages, in bytes; 0 turns it off.
    package let latestMessagesCacheBytes: Int
    /// The hosts that requests may be for, as a protection against DNS rebinding.
    package let allowedHosts: HostPolicy
    /// The path under which a proxy exposes the service, such as `/chat`; empty for the root of the host.
    package let rootPath: String
    /// How often to look for deletions that this or another server has left unfinished.
    package let deletionInterval: Duration
    /// The folder with the files of Swagger UI and ReDoc, which may be missing; nil to serve no documentation.
    package let documentationAssets: String?
    /// Whether to serve the pages that people open in a browser, and the JavaScript client.
    package let servesPages: Bool
    /// Whether `GET /metrics` is a route of the service; false if it has a port of its own.
    package let servesMetrics: Bool
    let metrics: MetricRegistry
    private let requestMetrics: RequestMetrics
    let drain: Drain

    /// - Parameters:
    ///   - authenticator: By default, requests need no credential, and none is valid.
    ///   - tokenSigner: Signs tokens that the authenticator accepts.
    ///   - typing: Sends typing notices to other processes and receives theirs.
    ///   - growth: The same for notices about open messages.
    ///   - metrics: Where the service records its metrics; it shows them with all others there.
    ///   - connectedUsers: Reports the users with an open stream while the service runs.
    ///   - webhookSender: Delivers to webhooks; nil if this process does not.
    ///   - drain: Set once the server is about to stop.
    package init(
        store: Store,
        authenticator: Authenticator? = nil,
        tokenSigner: TokenSigner? = nil,
        typing: TypingNotices = TypingNotices(),
        growth: GrowthNotices = GrowthNotices(),
        identity: ServerIdentity? = nil,
        connectedUsers: ConnectedUsers = ConnectedUsers(),
        webhookSender: (any WebhookSender)? = nil,
        limits: HTTPLimits = HTTPLimits(),
        rateLimits: RateLimits? = nil,
        readLimits: ReadLimits = ReadLimits(),
        streamLimits: StreamLimits = StreamLimits(),
        webSocketLimits: WebSocketLimits = WebSocketLimits(),
        webSocketOrigins: OriginPolicy = .sameHost,
        corsOrigins: OriginPolicy = .sameHost,
        embedOrigins: [String] = [],
        latestMessagesCacheBytes: Int = 1 << 28,
        allowedHosts: HostPolicy = .any,
        rootPath: String = "",
        deletionInterval: Duration = .seconds(30),
        documentationAssets: String?,
        servesPages: Bool = true,
        servesMetrics: Bool = true,
        metrics: MetricRegistry = MetricRegistry(),
        drain: Drain = Drain()
    ) {
        self.store = store
        self.authenticator = authenticator ?? Authenticator(.open, TokenVerifier(), store, store.signals)
        self.tokenSigner = tokenSigner
        self.typing = typing
        self.growth = growth
        self.identity = identity
        self.connectedUsers = connectedUsers
        self.webhookSender = webhookSender
        self.limits = limits
        self.rateLimits = rateLimits
        self.readLimits = readLimits
        self.streamLimits = streamLimits
        self.webSocketLimits = webSocketLimits
        self.webSocketOrigins = webSocketOrigins
        self.corsOrigins = corsOrigins
        self.embedOrigins = embedOrigins
        self.latestMessagesCacheBytes = latestMessagesCacheBytes
        self.allowedHosts = allowedHosts
        self.rootPath = rootPath
        self.deletionInterval = deletionInterval
        self.documentationAssets = documentationAssets
        self.servesPages = servesPages
        self.servesMetrics = servesMetrics
        self.metrics = metrics
        requestMetrics = RequestMetrics(metrics)
        self.drain = drain
    }

    /// Returns a server that listens once it is run.
    ///
    /// - Parameter onServerRunning: Called with the listening channel; its local address has the port that was chosen
    ///   if `address` asks for port 0.
    package func application(
        address: BindAddress,
        logger: Logger,
        onServerRunning: @escaping @Sendable (any Channel) async -> Void = { _ in }
    ) async -> some ApplicationProtocol {
        let deletions = DeletionService(store: store, logger: logger, interval: deletionInterval)
        let hub = EventHub(
            store,
            typing: typing,
            streamLimits,
            eventLoops: MultiThreadedEventLoopGroup.singleton,
            logger: logger
        )
        connectedUsers.read(from: hub)
        let readMarkers = ReadMarkers(store)
        let streams = HeldMessages(store, hub: hub, growth: growth, logger: logger)
        let slots = ConnectionSlots(limits: limits)
        let requestLimits = RequestLimits(rateLimits, countingIn: metrics)
        let routes = await routes(
            hub: hub,
            requestLimits: requestLimits,
            connections: slots,
            readMarkers: readMarkers,
            streams: streams,
            onDeletion: deletions.wake
        )
        let table = RouteTable(routes)
        let crossOrigin = CrossOriginPolicy(corsOrigins, methods: table.methods)
        let proxies = limits.trustedProxies
        let router = Router(
            routes,
            authenticator,
            limits: requestLimits,
            proxies: proxies,
            hosts: allowedHosts,
            crossOrigin: crossOrigin,
            metrics: requestMetrics
        )
        let responder = router.buildResponder()
        let refusal = BodyRefusal(
            limits: requestLimits,
            authenticator: authenticator,
            proxies: proxies,
            routes: table
        )
        let bodyTimeout = limits.bodyTimeout
        let connections = RequestChannel(
            responder: responder,
            limits: limits,
            slots: slots,
            identity: identity,
            logger: logger,
            isEssential: table.isHealthCheck,
            streamTimeout: { head, peer in
                // The body of a request that will be refused is not collected.
                table.bodyTimeout(head) ?? (refusal.refusesPost(head, from: peer) ? bodyTimeout : nil)
            },
            onError: ConnectionErrorResponder(
                crossOrigin: crossOrigin,
                metrics: requestMetrics,
                proxies: proxies,
                logger: logger
            ).respond
        )
        return Application(
            responder: responder,
            server: HTTPServerBuilder { _ in connections },
            configuration: ApplicationConfiguration(address: address),
            services: [
                deletions, hub, AuthenticatorService(authenticator: authenticator, logger: logger),
                ReadMarkerService(readMarkers: readMarkers), HeldMessageService(streams: streams),
            ],
            onServerRunning: onServerRunning,
            logger: logger
        )
    }

    /// Returns a server of the metrics alone, which anyone who reaches it may read, once it is run.
    ///
    /// Run it beside the application; until that is made, most metrics are missing.
    ///
    /// - Parameters:
    ///   - hosts: The hosts that requests may be for.
    ///   - onServerRunning: Called with the listening channel.
    package func metricsApplication(
        address: BindAddress,
        hosts: HostPolicy = .any,
        logger: Logger,
        onServerRunning: @escaping @Sendable (any Channel) async -> Void = { _ in }
    ) -> some ApplicationProtocol {
        let route = Route(
            .get,
            "/metrics",
            .getMetrics,
            access: .open,
            use: MetricsController(registry: metrics).show
        )
        let router = Router(
            [route],
            authenticator,
            limits: RequestLimits(nil),
            hosts: hosts,
            metrics: requestMetrics
        )
        let responder = router.buildResponder()
        let connections = RequestChannel(
            responder: responder,
            limits: limits,
            logger: logger,
            onError: ConnectionErrorResponder(crossOrigin: .none, metrics: requestMetrics, logger: logger).respond
        )
        return Application(
            responder: responder,
            server: HTTPServerBuilder { _ in connections },
            configuration: ApplicationConfiguration(address: address),
            onServerRunning: onServerRunning,
            logger: logger
        )
    }
}
