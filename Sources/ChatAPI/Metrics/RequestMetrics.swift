import CoreMetrics
import HTTPTypes
import NIOCore
package import OpenMetrics
import Synchronization

/// Counts HTTP requests.
package final class RequestMetrics: Sendable {
    /// For requests without a route, and for those that the connection rejects.
    let unmatched: RouteMetrics
    private let registry: MetricRegistry
    private let inFlightCount = Atomic<Int>(0)

    package init(_ registry: MetricRegistry = MetricRegistry()) {
        self.registry = registry
        unmatched = RouteMetrics("-", "-", registry)
        registry.observe { [weak self] in
            self.map { [Observation(.requestsInFlight, $0.inFlightCount.load(ordering: .relaxed))] } ?? []
        }
    }

    /// The metrics of a route, to be kept with it.
    func route(_ method: HTTPRequest.Method, _ path: String) -> RouteMetrics {
        RouteMetrics(method.rawValue, path, registry)
    }

    func begin() {
        inFlightCount.add(1, ordering: .relaxed)
    }

    /// - Parameter route: Nil if no route has matched.
    func end(_ route: RouteMetrics?, _ status: HTTPResponse.Status, after duration: TimeAmount) {
        inFlightCount.subtract(1, ordering: .relaxed)
        (route ?? unmatched).record(status, after: duration)
    }
}

/// Counts the requests of one route.
final class RouteMetrics: Sendable {
    /// The statuses that have a series of their own; all others share the last one, which is the series of 0.
    private static let statuses = [
        101, 200, 201, 202, 204, 206, 304, 307, 400, 401, 403, 404, 405, 408, 409, 410, 411, 412, 413, 415, 416, 421,
        422,
        426, 428, 429, 431, 500, 501, 503, 505, 0,
    ]
    /// The index in `statuses`, by status less 100.
    private static let indices = (100..<600).map { statuses.firstIndex(of: $0) ?? statuses.count - 1 }

    private let method: String
    private let path: String
    private let registry: MetricRegistry
    private let durations = LazyHandle<Timer>()
    private let responses = statuses.map { _ in LazyHandle<Counter>() }

    fileprivate init(_ method: String, _ path: String, _ registry: MetricRegistry) {
        self.method = method
        self.path = path
        self.registry = registry
    }

    /// - Parameter duration: Nil if the request never reached a handler.
    func record(_ status: HTTPResponse.Status, after duration: TimeAmount? = nil) {
        let code = status.code
        let index = (100..<600).contains(code) ? Self.indices[code - 100] : Self.statuses.count - 1
        responses[index].handle {
            let label = Self.statuses[index]
            return registry.counter(
                .requests,
                [("method", method), ("route", path), ("status", label == 0 ? "other" : String(label))]
            )
        }.increment()
        guard let duration else { return }
        durations.handle { registry.timer(.requestDurations, [("method", method), ("route", path)]) }
            .recordNanoseconds(duration.nanoseconds)
    }
}
