import RateLimiting
import Testing

@Suite struct TokenBucketTests {
    private let limit = RateLimit(20, per: .seconds(10))
    private let second: Int64 = 1_000_000_000

    @Test func `a full quota is granted at once, and then one unit at a time`() {
        var bucket = TokenBucket()
        for left in (0..<20).reversed() {
            let decision = bucket.take(1, of: limit, at: 0)
            #expect(decision.isAllowed && decision.remaining == left)
        }
        let refused = bucket.take(1, of: limit, at: 0)
        let again = bucket.take(1, of: limit, at: 0)
        #expect(refused == again, "a refusal costs nothing")
        #expect(!refused.isAllowed && refused.remaining == 0)
        #expect(refused.wait == .milliseconds(500) && refused.seconds == 1)
        let early = bucket.take(1, of: limit, at: second / 2 - 1)
        #expect(early.wait == .nanoseconds(1))
        let late = bucket.take(1, of: limit, at: second / 2)
        #expect(late.isAllowed)
        let early2 = bucket.take(1, of: limit, at: second / 2)
        #expect(!early2.isAllowed)
    }

    @Test func `an unused quota never exceeds its maximum`() {
        var bucket = TokenBucket()
        let decisions = (0..<21).map { _ in bucket.take(1, of: limit, at: 1_000 * second) }
        #expect(decisions.map(\.isAllowed) == Array(repeating: true, count: 20) + [false])
    }

    @Test func `in the long run, the rate is the quota per window`() {
        var bucket = TokenBucket()
        var allowed = 0
        for step in 0..<100_000 where bucket.take(1, of: limit, at: Int64(step) * second / 100).isAllowed {
            allowed += 1
        }
        // The quota at the start, and two a second.
        #expect((2_018...2_020).contains(allowed))
    }

    @Test func `a use of more than the quota is granted when it is full, and must be refilled`() {
        let limit = RateLimit(100, per: .seconds(1))
        var bucket = TokenBucket()
        let large = bucket.take(250, of: limit, at: 0)
        #expect(large.isAllowed && large.remaining == 0)
        let refused = bucket.take(1, of: limit, at: second)
        #expect(!refused.isAllowed && refused.wait == .milliseconds(510))
        let again = bucket.take(250, of: limit, at: 2 * second)
        #expect(!again.isAllowed && again.wait == .milliseconds(500))
        let granted = bucket.take(250, of: limit, at: 5 * second / 2)
        #expect(granted.isAllowed)
    }

    @Test func `a charge is made even if nothing is left`() {
        let limit = RateLimit(10, per: .seconds(1))
        var bucket = TokenBucket()
        let first = bucket.charge(4, of: limit, at: 0)
        #expect(first.remaining == 6)
        let second = bucket.charge(16, of: limit, at: 0)
        #expect(second.remaining == 0 && second.wait == .milliseconds(1_100))
        let free = bucket.take(0, of: limit, at: 0)
        #expect(!free.isAllowed, "zero units need one that is left")
    }

    @Test func `an absurd number of units does not overflow`() {
        var bucket = TokenBucket()
        let decision = bucket.take(.max, of: RateLimit(1, per: .seconds(3_600)), at: 0)
        #expect(decision.isAllowed)
        let next = bucket.charge(.max, of: RateLimit(65_536, per: .seconds(1)), at: 0)
        #expect(next.wait < .seconds(7_201))
    }

    @Test func `without a window there is no limit`() {
        var bucket = TokenBucket()
        for _ in 0..<10 {
            let decision = bucket.take(1, of: RateLimit(1, per: .zero), at: 0)
            #expect(decision.isAllowed && decision.remaining == 1 && decision.seconds == 0)
        }
    }
}
