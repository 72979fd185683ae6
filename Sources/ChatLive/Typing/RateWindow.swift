/// A rate limit per key: so many within a second.
package struct RateWindow<Key: Hashable> {
    package typealias Instant = ContinuousClock.Instant

    private let limit: Int
    private var counts: [Key: Int] = [:]
    private var end: Instant?

    /// Further keys are over the limit: the table stays bounded.
    private static var maximumKeys: Int { 100_000 }

    /// - Parameter limit: How often a key is admitted within a second.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Counts one more for a key, unless it is over the limit.
    package mutating func admits(_ key: Key, at now: Instant) -> Bool {
        if end.map({ $0 <= now }) ?? true {
            counts = [:]
            end = now + .seconds(1)
        }
        let count = counts[key] ?? 0
        guard count < limit, count > 0 || counts.count < Self.maximumKeys else { return false }
        counts[key] = count + 1
        return true
    }
}
