import Synchronization

/// Limits the rates of any number of clients in a fixed amount of memory: 16 bytes for each entry.
///
/// A client whose quota is full needs no entry. If more clients than fit are below their quota, the one whose quota is
/// full soonest is forgotten: it can use a few units too many, and nobody gets too few. There is no task and no timer.
package final class RateLimiter: Sendable {
    private struct Entry {
        /// The hash of the client's key: two clients share a quota if their hashes are equal, which is as rare as two equal
        /// random 64-bit numbers.
        var key = 0
        var bucket = TokenBucket()
    }

    private final class Shard: Sendable {
        let entries: Mutex<[Entry]>

        init(count: Int) {
            entries = Mutex(Array(repeating: Entry(), count: count))
        }
    }

    private let shards: [Shard]
    private let setsPerShard: Int
    private let origin = ContinuousClock.now

    /// The memory for one client, in bytes.
    package static let bytesPerEntry = MemoryLayout<Entry>.stride
    /// The entries among which a key can be: two cache lines.
    private static let setSize = 8
    private static let shardCount = 16

    /// - Parameter entries: The number of clients that are remembered at the same time. By default 2 MiB, for more clients
    ///   than a server can serve in ten seconds.
    package init(entries: Int = 1 << 17) {
        setsPerShard = max(entries / (Self.setSize * Self.shardCount), 1)
        let count = setsPerShard * Self.setSize
        shards = (0..<Self.shardCount).map { _ in Shard(count: count) }
    }

    /// The memory of all entries, in bytes.
    package var byteCount: Int {
        shards.count * setsPerShard * Self.setSize * Self.bytesPerEntry
    }

    /// Uses units of a key's quota if they are left; see `TokenBucket.take`.
    ///
    /// - Parameters:
    ///   - key: The client, and what is limited.
    ///   - now: Passed in by tests, to control the time.
    package func take(
        _ units: Int = 1,
        of limit: RateLimit,
        for key: some Hashable,
        at now: ContinuousClock.Instant = .now
    ) -> RateDecision {
        update(key, at: now) { $0.take(units, of: limit, at: $1) }
    }

    /// Uses units even if none are left; see `TokenBucket.charge`.
    @discardableResult
    package func charge(
        _ units: Int,
        of limit: RateLimit,
        for key: some Hashable,
        at now: ContinuousClock.Instant = .now
    ) -> RateDecision {
        update(key, at: now) { $0.charge(units, of: limit, at: $1) }
    }

    /// Whether a unit is left, without using it.
    package func hasUnits(
        of limit: RateLimit,
        for key: some Hashable,
        at now: ContinuousClock.Instant = .now
    ) -> Bool {
        update(key, at: now) { bucket, now in
            var copy = bucket
            return copy.take(1, of: limit, at: now).isAllowed
        }
    }

    private func update<Result: Sendable>(
        _ key: some Hashable,
        at now: ContinuousClock.Instant,
        _ change: (inout TokenBucket, Int64) -> Result
    ) -> Result {
        let hash = key.hashValue
        let now = origin.duration(to: now).nanoseconds
        let bits = UInt(bitPattern: hash)
        let start = Int(bits / UInt(Self.shardCount) % UInt(setsPerShard)) * Self.setSize
        return shards[Int(bits % UInt(Self.shardCount))].entries.withLock { entries in
            var index = start
            for other in start..<start + Self.setSize {
                if entries[other].key == hash {
                    index = other
                    break
                }
                if entries[other].bucket.fullAt < entries[index].bucket.fullAt {
                    index = other
                }
            }
            var bucket = entries[index].key == hash ? entries[index].bucket : TokenBucket(fullAt: now)
            let result = change(&bucket, now)
            if bucket.fullAt > now {
                entries[index] = Entry(key: hash, bucket: bucket)
            }
            return result
        }
    }
}
