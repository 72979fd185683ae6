package import Hummingbird

extension Router<ChatRequestContext> {
    /// A router with these routes, behind the service's middleware.
    ///
    /// - Parameter hosts: Those whose requests are served.
    convenience package init(_ routes: [Route], hosts: HostPolicy = .any) {
        self.init(context: ChatRequestContext.self, options: .autoGenerateHeadEndpoints)
        add(middleware: ServiceMiddleware(hosts: hosts, routes: RouteTable(routes)))
        for route in routes {
            on(RouterPath(route.path), method: route.method, use: route.checkedHandler)
        }
    }
}
