package import ChatIdentity
package import Hummingbird

extension Router<ChatRequestContext> {
    /// Creates a router for the routes, with the middleware of the service.
    ///
    /// - Parameters:
    ///   - authenticator: Verifies the credentials of requests.
    ///   - hosts: The hosts whose requests are served.
    ///   - crossOrigin: Lets pages of other origins call the service.
    ///   - metrics: Counts the requests.
    convenience package init(
        _ routes: [Route],
        _ authenticator: Authenticator,
        hosts: HostPolicy = .any,
        crossOrigin: CrossOriginPolicy = .none,
        metrics: RequestMetrics = RequestMetrics()
    ) {
        self.init(context: ChatRequestContext.self, options: .autoGenerateHeadEndpoints)
        add(
            middleware: ServiceMiddleware(
                hosts: hosts,
                crossOrigin: crossOrigin,
                routes: RouteTable(routes),
                authenticator: authenticator,
                metrics: metrics
            )
        )
        for route in routes {
            on(
                RouterPath(route.path),
                method: route.method,
                use: route.handler(authenticator, crossOrigin, metrics.route(route.method, route.path))
            )
        }
    }
}
