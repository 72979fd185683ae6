/// How much of a client's quota is used: the instant at which the quota is full again (GCRA, as in ATM networks).
///
/// One number suffices, because the quota refills evenly. Times are nanoseconds of a monotonic clock.
package struct TokenBucket: Hashable, Sendable {
    /// When the quota is full again; now or earlier for one that is full.
    package private(set) var fullAt: Int64

    /// The longest time that a quota takes to refill after a use of more units than it has.
    private static let longestDebt: Int64 = 3_600_000_000_000

    /// A full bucket, by default.
    package init(fullAt: Int64 = 0) {
        self.fullAt = fullAt
    }

    /// Uses units if they are left.
    ///
    /// More units than the quota has are granted if it is full. With 0 units, at least one must be left.
    package mutating func take(_ units: Int, of limit: RateLimit, at now: Int64) -> RateDecision {
        let bucket = charged(units, of: limit, at: now)
        let used = max(fullAt - now, 0)
        let excess = max(used + limit.unit * Int64(min(max(units, 1), limit.quota)) - limit.capacity, 0)
        guard excess == 0 else {
            return RateDecision(isAllowed: false, remaining: remaining(of: limit, at: now), wait: .nanoseconds(excess))
        }
        self = bucket
        return state(of: limit, at: now)
    }

    /// Uses units even if none are left; the client then has to wait until they have been refilled.
    package mutating func charge(_ units: Int, of limit: RateLimit, at now: Int64) -> RateDecision {
        self = charged(units, of: limit, at: now)
        return state(of: limit, at: now)
    }

    private func charged(_ units: Int, of limit: RateLimit, at now: Int64) -> TokenBucket {
        let maximum = max(limit.capacity, Self.longestDebt)
        let price = limit.unit == 0 || Int64(units) < maximum / limit.unit ? Int64(units) * limit.unit : maximum
        return TokenBucket(fullAt: max(fullAt, now) + price)
    }

    private func state(of limit: RateLimit, at now: Int64) -> RateDecision {
        let free = limit.capacity - max(fullAt - now, 0)
        let missing: Int64 =
            if free == limit.capacity {
                0
            } else {
                free < 0 ? limit.unit - free : limit.unit - free % limit.unit
            }
        return RateDecision(
            isAllowed: true,
            remaining: remaining(of: limit, at: now),
            wait: .nanoseconds(missing)
        )
    }

    private func remaining(of limit: RateLimit, at now: Int64) -> Int {
        guard limit.unit > 0 else { return limit.quota }
        return Int(max(limit.capacity - max(fullAt - now, 0), 0) / limit.unit)
    }
}

extension RateLimit {
    /// How long all units together take to refill, in nanoseconds.
    fileprivate var capacity: Int64 {
        unit * Int64(quota)
    }
}
