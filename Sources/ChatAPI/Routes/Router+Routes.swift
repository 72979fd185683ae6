package import ChatIdentity
import HTTPConnections
package import Hummingbird

extension Router<ChatRequestContext> {
    /// Creates a router for the routes that refuses nobody for making too many requests.
    convenience package init(_ routes: [Route], _ authenticator: Authenticator) {
        self.init(routes, authenticator, limits: RequestLimits(nil))
    }

    /// Creates a router for the routes, with the middleware of the service.
    ///
    /// - Parameters:
    ///   - authenticator: Verifies the credentials of requests.
    ///   - limits: Refuses requests of clients that make too many.
    ///   - proxies: The proxies that say for whom they forward a request.
    ///   - hosts: The hosts whose requests are served.
    ///   - crossOrigin: Lets pages of other origins call the service.
    ///   - metrics: Counts the requests.
    convenience init(
        _ routes: [Route],
        _ authenticator: Authenticator,
        limits: RequestLimits,
        proxies: TrustedProxies = .none,
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
                limits: limits,
                proxies: proxies,
                metrics: metrics
            )
        )
        for route in routes {
            let routeMetrics = metrics.route(route.method, route.path)
            on(
                RouterPath(route.path),
                method: route.method,
                use: route.handler(authenticator, limits, crossOrigin, routeMetrics)
            )
        }
    }
}
