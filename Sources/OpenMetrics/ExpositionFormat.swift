/// A text format in which metrics are read.
package enum ExpositionFormat: CaseIterable, Sendable {
    /// OpenMetrics 1.0.
    case openMetrics
    /// The older format of Prometheus.
    case prometheus

    /// The format for a request with this `Accept` header: OpenMetrics, if the client names it and does not prefer plain
    /// text.
    package init(accept: String?) {
        var weights: [ExpositionFormat: Double] = [:]
        for range in (accept ?? "").split(separator: ",") {
            var parts = range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" }.lowercased() }[...]
            let weight = parts.first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            switch parts.popFirst() {
            case "application/openmetrics-text": weights[.openMetrics] = max(weight, weights[.openMetrics] ?? 0)
            case "text/plain": weights[.prometheus] = max(weight, weights[.prometheus] ?? 0)
            default: break
            }
        }
        let weight = weights[.openMetrics] ?? 0
        self = weight > 0 && weight >= weights[.prometheus] ?? 0 ? .openMetrics : .prometheus
    }

    /// The value of `Content-Type`.
    package var contentType: String {
        switch self {
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        }
    }
}
