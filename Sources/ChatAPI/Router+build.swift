package import ChatDomain
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
        let chats = ChatController(
            store: service.store,
            maximumBodyBytes: limits.maximumBodyBytes,
            tailCache: TailCache(maximumBytes: service.tailCacheBytes),
            onDeleted: onChatDeleted
        )
        let messages = MessageController(store: service.store, maximumBodyBytes: limits.maximumBodyBytes)
        let log = LogController(store: service.store)
        let events = EventController(store: service.store, hub: hub, maximumBodyBytes: limits.maximumBodyBytes)
        let sockets = SocketController(
            store: service.store,
            hub: hub,
            limits: service.webSocketLimits,
            origins: service.webSocketOrigins
        )
        let health = HealthController(store: service.store)
        let documentation = await DocumentationController(assetsFolder: service.documentationAssets)

        let routes = RouteCollection(context: ChatRequestContext.self)
        routes.get("chats", use: chats.list)
        routes.post("chats", use: chats.create)
        routes.get("chats/{chat_id}", use: chats.show)
        routes.patch("chats/{chat_id}", use: chats.edit)
        routes.delete("chats/{chat_id}", use: chats.delete)
        routes.get("chats/{chat_id}/messages", use: messages.list)
        routes.post("chats/{chat_id}/messages", use: messages.create)
        routes.get("chats/{chat_id}/messages/{message_id}", use: messages.show)
        routes.patch("chats/{chat_id}/messages/{message_id}", use: messages.edit)
        routes.delete("chats/{chat_id}/messages/{message_id}", use: messages.delete)
        routes.get("chats/{chat_id}/log", use: log.show)
        routes.get("chats/{chat_id}/events", use: events.showChat)
        routes.post("chats/{chat_id}/typing", use: events.announceTyping)
        routes.get("events", use: events.showChats)
        routes.get("ws", use: sockets.open)

        routes.get("health/live", use: health.live)
        routes.get("health/ready", use: health.ready)

        routes.get("openapi.json", use: documentation.showDocument)
        routes.get("docs", use: documentation.showSwagger)
        routes.get("docs/swagger-initializer.js", use: documentation.showSwaggerInitializer)
        routes.get("docs/assets/{file}", use: documentation.showAsset)
        routes.get("redoc", use: documentation.showRedoc)

        let router = Router(context: ChatRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.addMiddleware {
            RequestIDMiddleware()
            AccessLogMiddleware()
            SecurityHeadersMiddleware()
            ErrorMiddleware(routes: RouteTable(of: routes))
        }
        router.addRoutes(routes)
        return router
    }
}
