import ChatClient
import Testing

struct BackoffTests {
    @Test func theBoundDoublesUpToTheLongestDelay() {
        var backoff = Backoff(minDelay: .milliseconds(500), maxDelay: .seconds(3), random: { 1 })
        let delays = (1...5).map { _ in backoff.next().total }
        #expect(delays == [.milliseconds(500), .seconds(1), .seconds(2), .seconds(3), .seconds(3)])
    }

    @Test func theDelayIsRandomBetweenZeroAndTheBound() {
        var never = Backoff(random: { 0 })
        #expect(never.next().total == .zero)
        var half = Backoff(minDelay: .seconds(2), random: { 0.5 })
        #expect(half.next().total == .seconds(1))
    }

    @Test func aSuccessResetsTheBound() {
        var backoff = Backoff(minDelay: .seconds(1), maxDelay: .seconds(30), random: { 1 })
        _ = backoff.next()
        _ = backoff.next()
        backoff.reset()
        #expect(backoff.next().total == .seconds(1))
    }

    @Test func aDelayIsAtLeastWhatTheServerAsksFor() {
        var backoff = Backoff(random: { 1 })
        #expect(backoff.next(atLeast: 4) == Delay(total: .seconds(4), least: .seconds(4)))
    }

    @Test func anAbsurdDelayIsLimitedToADay() {
        var backoff = Backoff(random: { 1 })
        #expect(backoff.next(atLeast: 1e300).total == .seconds(86_400))
        #expect(backoff.next(atLeast: -5).least == .zero)
    }
}
