import RateLimiting
import Testing

@Suite struct RateLimiterTests {
    private let limit = RateLimit(2, per: .seconds(10))
    private let start = ContinuousClock.now

    @Test func `clients do not share a quota`() {
        let limiter = RateLimiter()
        for client in 0..<1_000 {
            let allowed = (0..<3).map { _ in limiter.take(of: limit, for: client, at: start).isAllowed }
            #expect(allowed == [true, true, false])
        }
        #expect(limiter.take(of: limit, for: 7, at: start + .seconds(5)).isAllowed)
        #expect(!limiter.take(of: limit, for: 7, at: start + .seconds(5)).isAllowed)
    }

    @Test func `asking uses nothing`() {
        let limiter = RateLimiter()
        for _ in 0..<10 {
            #expect(limiter.hasUnits(of: limit, for: "ada", at: start))
        }
        limiter.charge(2, of: limit, for: "ada", at: start)
        #expect(!limiter.hasUnits(of: limit, for: "ada", at: start))
        #expect(limiter.hasUnits(of: limit, for: "bob", at: start))
    }

    /// Nobody is refused for what others do, and the client that floods is not forgotten for clients that do not.
    @Test func `a million clients need a bounded amount of memory`() {
        let limiter = RateLimiter(entries: 1 << 14)
        #expect(RateLimiter.bytesPerEntry == 16)
        #expect(limiter.byteCount == 256 * 1024)
        #expect(RateLimiter().byteCount == 2 * 1024 * 1024)
        let flood = -1
        limiter.charge(100, of: limit, for: flood, at: start)
        for client in 0..<1_000_000 {
            let decision = limiter.take(of: limit, for: client, at: start + .microseconds(client))
            if !decision.isAllowed {
                Issue.record("client \(client) was refused")
                return
            }
        }
        #expect(!limiter.take(of: limit, for: flood, at: start + .seconds(1)).isAllowed)
    }

    @Test func `concurrent uses are all counted`() async {
        let limiter = RateLimiter()
        let limit = RateLimit(1_000, per: .seconds(3_600))
        let start = start
        let allowed = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<500).count { _ in limiter.take(of: limit, for: "ada", at: start).isAllowed }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(allowed == 1_000)
    }
}
