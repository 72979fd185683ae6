import HTTPTypes
import Hummingbird

/// Answers questions about a path when no route has matched, or before one has.
struct RouteTable: Sendable {
    private let routes: [(path: RouterPath, method: HTTPRequest.Method)]
    private let healthPrefixes: [String]

    init(_ routes: [Route]) {
        self.routes = routes.map { (RouterPath($0.path), $0.method) }
        healthPrefixes = Array(Set(routes.filter { $0.access == .health }.map(\.path.throughLastSlash)))
    }

    /// The methods for the `Allow` header of a 405, in the order of the routes; empty if there is no such path.
    func methods(at path: String) -> [HTTPRequest.Method] {
        let segments = path.split(separator: "/")
        let matching = routes.filter { route in
            route.path.count == segments.count && zip(route.path, segments).allSatisfy { $0 ~= $1 }
        }
        return matching.flatMap { $0.method == .get ? [.get, .head] : [$0.method] }
    }

    /// The methods of all routes.
    var methods: [HTTPRequest.Method] {
        routes.map(\.method).reduce(into: [.head]) { methods, method in
            if !methods.contains(method) { methods.append(method) }
        }
    }

    /// Whether a path, with or without its query, belongs to the health checks.
    func isHealthCheck(_ target: String) -> Bool {
        healthPrefixes.contains { target.hasPrefix($0) }
    }
}

extension String {
    fileprivate var throughLastSlash: String {
        String(self[...(lastIndex(of: "/") ?? startIndex)])
    }
}
