package import ChatDomain
package import ChatLive
import ChatOperations
import HTTPConnections
import HTTPTypes
package import Hummingbird

extension Router<ChatRequestContext> {
    /// Every route of the service.
    ///
    /// A path is the same with and without its closing slash.
    ///
    /// - Parameter onChatDeleted: Called when there may be something to purge.
    package static func build(
        _ service: ChatService<some ChatStore>,
        hub: EventHub,
        onChatDeleted: @escaping @Sendable () -> Void = {}
    ) async -> Router {
        let limits = service.limits
        let reads = ReadBudget(service.readLimits)
        let operations = Operations(service.store, hub: hub, typing: service.typing, onChatDeleted: onChatDeleted)
        let chats = ChatController(
            operations: operations,
            maximumBodyBytes: limits.maximumBodyBytes,
            latestMessages: LatestMessagesCache(maximumBytes: service.tailCacheBytes),
            reads: reads
        )
        let messages = MessageController(
            operations: operations,
            maximumBodyBytes: limits.maximumBodyBytes,
            reads: reads
        )
        let log = LogController(operations: operations, reads: reads)
        let admissions = StreamAdmissions(service.streamLimits)
        let events = EventController(
            operations: operations,
            hub: hub,
            admissions: admissions,
            reads: reads,
            maximumBodyBytes: limits.maximumBodyBytes
        )
        let sockets = SocketController(
            operations: operations,
            hub: hub,
            admissions: admissions,
            limits: service.webSocketLimits,
            origins: service.webSocketOrigins
        )
        let health = HealthController(store: service.store, drain: service.drain, log: ReadinessLog())
        let documentation = await DocumentationController(
            assetsFolder: service.documentationAssets,
            rootPath: service.rootPath
        )

        let routes = RouteCollection(context: ChatRequestContext.self)
        // The original service's own routes ignore query parameters that they do not know, as FastAPI does.
        routes.post("chats", use: chats.create)
        routes.get("chats/{chat_id}", use: chats.show)
        routes.delete("chats/{chat_id}", use: chats.delete)
        routes.post("chats/{chat_id}/messages", use: messages.create)

        routes.get("chats", use: closed(chats.list, query: "limit", "cursor", "q"))
        routes.patch("chats/{chat_id}", use: closed(chats.edit))
        routes.get(
            "chats/{chat_id}/messages",
            use: closed(messages.list, query: "before", "after", "around", "limit")
        )
        routes.get("chats/{chat_id}/messages/{message_id}", use: closed(messages.show))
        routes.patch("chats/{chat_id}/messages/{message_id}", use: closed(messages.edit))
        routes.delete("chats/{chat_id}/messages/{message_id}", use: closed(messages.delete))
        routes.get("chats/{chat_id}/log", use: closed(log.show, query: "after", "limit"))
        routes.get("chats/{chat_id}/events", use: closed(events.showChat, query: "after", "wait"))
        routes.post("chats/{chat_id}/typing", use: closed(events.announceTyping))
        routes.get("events", use: closed(events.showChats, query: "chats", "after"))
        routes.get("ws", use: closed(sockets.open))

        routes.get("health/live", use: closed(health.live))
        routes.get("health/ready", use: closed(health.ready))

        routes.get("/", use: documentation.redirect)
        routes.get("openapi.json", use: documentation.showDocument)
        routes.get("docs", use: documentation.showSwagger)
        routes.get("docs/swagger-initializer.js", use: documentation.showSwaggerInitializer)
        routes.get("docs/assets/{file}", use: documentation.showAsset)
        routes.get("redoc", use: documentation.showRedoc)

        let router = Router(context: ChatRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(
            middleware: ServiceMiddleware(
                hosts: service.allowedHosts,
                errors: ErrorResponder(routes: RouteTable(of: routes))
            )
        )
        router.addRoutes(routes)
        return router
    }
}
