package import ChatIdentity
package import Hummingbird

extension Router<ChatRequestContext> {
    /// Creates a router for the routes, with the middleware of the service.
    ///
    /// - Parameters:
    ///   - authenticator: Verifies the credentials of requests.
    ///   - hosts: The hosts whose requests are served.
    convenience package init(_ routes: [Route], _ authenticator: Authenticator, hosts: HostPolicy = .any) {
        self.init(context: ChatRequestContext.self, options: .autoGenerateHeadEndpoints)
        add(middleware: ServiceMiddleware(hosts: hosts, routes: RouteTable(routes)))
        for route in routes {
            on(RouterPath(route.path), method: route.method, use: route.handler(authenticator))
        }
    }
}
