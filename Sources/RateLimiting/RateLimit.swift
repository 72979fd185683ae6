/// A quota of units that refills evenly over a window.
package struct RateLimit: Hashable, Sendable {
    /// The number of units that may be used at once after a pause.
    package let quota: Int
    /// How long an empty quota takes to refill; zero for no limit.
    package let window: Duration

    package init(_ quota: Int, per window: Duration) {
        self.quota = quota
        self.window = window
    }

    /// How long one unit takes to refill, in nanoseconds.
    var unit: Int64 {
        window.nanoseconds / Int64(max(quota, 1))
    }
}

/// The answer to a request for units of a quota.
package struct RateDecision: Hashable, Sendable {
    /// Whether the units were granted.
    package let isAllowed: Bool
    /// The number of units left.
    package let remaining: Int
    /// How long until the refused units can be granted or, if they were granted, until there is one more; zero if the
    /// quota is full.
    package let wait: Duration

    package init(isAllowed: Bool, remaining: Int, wait: Duration) {
        self.isAllowed = isAllowed
        self.remaining = remaining
        self.wait = wait
    }

    /// `wait`, rounded up.
    package var seconds: Int {
        let (seconds, attoseconds) = wait.components
        return Int(seconds) + (attoseconds > 0 ? 1 : 0)
    }
}

extension Duration {
    /// Saturates after 292 years.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflows ? .max : product + attoseconds / 1_000_000_000
    }
}
