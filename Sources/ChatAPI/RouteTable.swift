import HTTPTypes
import Hummingbird

/// Which methods exist at which paths, for the `Allow` of a 405.
///
/// Asked only when no route matched.
struct RouteTable: Sendable {
    private let routes: [(path: RouterPath, method: HTTPRequest.Method)]

    init(of collection: RouteCollection<ChatRequestContext>) {
        routes = Router(context: ChatRequestContext.self).addRoutes(collection).routes.map { ($0.path, $0.method) }
    }

    /// In the order of the routes; none where there is no such path.
    func methods(at path: String) -> [HTTPRequest.Method] {
        let segments = path.split(separator: "/")
        let matching = routes.filter { route in
            route.path.count == segments.count && zip(route.path, segments).allSatisfy { $0 ~= $1 }
        }
        return matching.flatMap { $0.method == .get ? [.get, .head] : [$0.method] }
    }
}
