import CoreMetrics
import OpenMetrics

/// Counts the requests on WebSockets.
final class SocketMetrics: Sendable {
    private let registry: MetricRegistry
    /// By operation, and last for unknown ones: the successful and the failed requests.
    private let handles = (0...SocketRequest.operations.count).map { _ in (LazyHandle<Counter>(), LazyHandle<Counter>())
    }

    init(_ registry: MetricRegistry) {
        self.registry = registry
    }

    /// - Parameter operation: Its index in `SocketRequest.operations`; nil if it is not among them.
    func count(_ operation: Int?, isError: Bool) {
        let (successes, failures) = handles[operation ?? SocketRequest.operations.count]
        let handle = isError ? failures : successes
        handle.handle {
            let name = operation.map { SocketRequest.operations[$0] } ?? "-"
            return registry.counter(.socketRequests, [("operation", name), ("result", isError ? "error" : "ok")])
        }.increment()
    }
}
