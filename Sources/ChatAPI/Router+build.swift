package import ChatDomain
import HTTPTypes
package import Hummingbird

extension Router<ChatRequestContext> {
    /// Every route of the service.
    ///
    /// A path is the same with and without its closing slash.
    package static func build(_ service: ChatService<some ChatStore>) async -> Router {
        let limits = service.limits
        let chats = ChatController(
            store: service.store,
            maximumBodyBytes: limits.maximumBodyBytes,
            tailCache: TailCache(maximumBytes: service.tailCacheBytes)
        )
        let messages = MessageController(store: service.store, maximumBodyBytes: limits.maximumBodyBytes)
        let health = HealthController(store: service.store)
        let documentation = await DocumentationController(assetsFolder: service.documentationAssets)

        let routes = RouteCollection(context: ChatRequestContext.self)
        routes.post("chats", use: chats.create)
        routes.get("chats/{chat_id}", use: chats.show)
        routes.delete("chats/{chat_id}", use: chats.delete)
        routes.post("chats/{chat_id}/messages", use: messages.create)

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
