import CoreMetrics
import OpenMetrics

/// Counts requests that were refused because a client made too many.
struct LimitMetrics: Sendable {
    private let policies: [RatePolicy: Counter]
    private let slowMode: Counter

    init(_ registry: MetricRegistry) {
        policies = Dictionary(
            uniqueKeysWithValues: RatePolicy.allCases.map { policy in
                (policy, registry.counter(.limitedRequests, [("limit", policy.rawValue)]))
            }
        )
        slowMode = registry.counter(.limitedRequests, [("limit", "slow_mode")])
    }

    /// Counts a request over a quota.
    func count(_ policy: RatePolicy) {
        policies[policy]?.increment()
    }

    /// Counts a message that was posted too soon after the last one.
    func countSlowMode() {
        slowMode.increment()
    }
}
