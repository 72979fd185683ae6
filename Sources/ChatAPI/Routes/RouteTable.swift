import HTTPTypes
import Hummingbird

/// Answers questions about a path when no route has matched, or before one has.
struct RouteTable: Sendable {
    private let routes: [(path: RouterPath, method: HTTPRequest.Method, ratePolicy: RatePolicy?)]
    private let streamedBodies: [(path: RouterPath, method: HTTPRequest.Method, timeout: Route.BodyTimeout)]
    private let healthPrefixes: [String]

    init(_ routes: [Route]) {
        self.routes = routes.map { (RouterPath($0.path), $0.method, $0.ratePolicy) }
        streamedBodies = routes.compactMap { route in
            route.bodyTimeout.map { (RouterPath(route.path), route.method, $0) }
        }
        healthPrefixes = Array(Set(routes.filter { $0.access == .health }.map(\.path.throughLastSlash)))
    }

    /// The methods for the `Allow` header of a 405, in the order of the routes; empty if there is no such path.
    func methods(at path: String) -> [HTTPRequest.Method] {
        let matching = routes.filter { $0.path.matches(path) }
        return matching.flatMap { $0.method == .get ? [.get, .head] : [$0.method] }
    }

    /// The methods of all routes.
    var methods: [HTTPRequest.Method] {
        routes.map(\.method).reduce(into: [.head]) { methods, method in
            if !methods.contains(method) { methods.append(method) }
        }
    }

    /// How long the body of a request may pause, if it is read as it arrives; nil if it is collected first.
    func bodyTimeout(_ head: HTTPRequest) -> Duration? {
        guard let path = head.path?.prefix(while: { $0 != "?" }) else { return nil }
        let route = streamedBodies.first { $0.method == head.method && $0.path.matches(path) }
        return route?.timeout(head)
    }

    /// The quota from which a request takes; nil for none.
    func ratePolicy(of head: HTTPRequest) -> RatePolicy? {
        guard let path = head.path?.prefix(while: { $0 != "?" }) else { return nil }
        return routes.first { $0.method == head.method && $0.path.matches(path) }?.ratePolicy
    }

    /// Whether a path, with or without its query, belongs to the health checks.
    func isHealthCheck(_ target: String) -> Bool {
        healthPrefixes.contains { target.hasPrefix($0) }
    }
}

extension RouterPath {
    fileprivate func matches(_ path: some StringProtocol) -> Bool {
        let segments = path.split(separator: "/").map { Substring($0) }
        return count == segments.count && zip(self, segments).allSatisfy { $0 ~= $1 }
    }
}

extension String {
    fileprivate var throughLastSlash: String {
        String(self[...(lastIndex(of: "/") ?? startIndex)])
    }
}
