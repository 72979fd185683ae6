package import ChatDomain
package import ChatLive
package import HTTPConnections
package import Hummingbird
import HummingbirdCore
package import Logging
package import NIOCore
import NIOPosix
package import WebSocket

/// The HTTP service over a store.
package struct ChatService<Store: ChatStore>: Sendable {
    package let store: Store
    package let typing: TypingNotices
    package let limits: HTTPLimits
    package let readLimits: ReadLimits
    package let streamLimits: StreamLimits
    package let webSocketLimits: WebSocketLimits
    package let webSocketOrigins: OriginPolicy
    /// How many bytes of answers are kept in memory for reads of chats that have not changed.
    package let tailCacheBytes: Int
    package let allowedHosts: HostPolicy
    /// Where a proxy shows the service to its clients, such as `/chat`; empty for the root of the host.
    package let rootPath: String
    /// Between looks for what deleted chats have left after a purge has failed.
    package let purgeInterval: Duration
    /// The folder with the files of Swagger UI and ReDoc, which may be missing.
    package let documentationAssets: String
    let drain: Drain

    /// - Parameters:
    ///   - typing: Where typing notices are sent, and where those of other servers arrive.
    ///   - drain: Tells when the server is about to stop.
    package init(
        store: Store,
        typing: TypingNotices = TypingNotices(),
        limits: HTTPLimits = HTTPLimits(),
        readLimits: ReadLimits = ReadLimits(),
        streamLimits: StreamLimits = StreamLimits(),
        webSocketLimits: WebSocketLimits = WebSocketLimits(),
        webSocketOrigins: OriginPolicy = .sameHost,
        tailCacheBytes: Int = 1 << 28,
        allowedHosts: HostPolicy = .any,
        rootPath: String = "",
        purgeInterval: Duration = .seconds(30),
        documentationAssets: String,
        drain: Drain = Drain()
    ) {
        self.store = store
        self.typing = typing
        self.limits = limits
        self.readLimits = readLimits
        self.streamLimits = streamLimits
        self.webSocketLimits = webSocketLimits
        self.webSocketOrigins = webSocketOrigins
        self.tailCacheBytes = tailCacheBytes
        self.allowedHosts = allowedHosts
        self.rootPath = rootPath
        self.purgeInterval = purgeInterval
        self.documentationAssets = documentationAssets
        self.drain = drain
    }

    /// A server that listens once it is run.
    ///
    /// - Parameter onServerRunning: Called with the listening channel, whose local address has the port that was chosen
    ///   where `address` asks for port 0.
    package func application(
        address: BindAddress,
        logger: Logger,
        onServerRunning: @escaping @Sendable (any Channel) async -> Void = { _ in }
    ) async -> some ApplicationProtocol {
        let purger = DeletedChatPurger(store: store, logger: logger, interval: purgeInterval)
        let hub = EventHub(
            store,
            typing: typing,
            streamLimits,
            eventLoops: MultiThreadedEventLoopGroup.singleton,
            logger: logger
        )
        let routes = await routes(hub: hub, onChatDeleted: purger.wake)
        let responder = Router(routes, hosts: allowedHosts).buildResponder()
        let connections = RequestChannel(
            responder: responder,
            limits: limits,
            logger: logger,
            isEssential: RouteTable(routes).isHealthCheck,
            onError: ConnectionErrorResponder(logger: logger).respond
        )
        return Application(
            responder: responder,
            server: HTTPServerBuilder { _ in connections },
            configuration: ApplicationConfiguration(address: address),
            services: [purger, hub],
            onServerRunning: onServerRunning,
            logger: logger
        )
    }
}
