/// A rate limit per key with a fixed window of one second.
package struct RateWindow<Key: Hashable> {
    /// Monotonic, and passed in by the caller, so that tests control the time.
    package typealias Instant = ContinuousClock.Instant

    private let limit: Int
    private var counts: [Key: Int] = [:]
    private var end: Instant?

    /// Bounds the table; further keys within the same window are rejected.
    private static var maximumKeys: Int { 100_000 }

    /// - Parameter limit: Events admitted per key and second.
    package init(limit: Int) {
        self.limit = limit
    }

    /// Counts an event for a key and returns true; returns false, without counting, if the key is over the limit.
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
