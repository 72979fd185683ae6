import PostgresClient
import Testing

/// When to retry a failing server, with the clock and the randomness passed in.
@Suite struct BackoffTests {
    private let start = ContinuousClock.now

    @Test func `the delay is limited and random`() {
        for failures in 1...100 {
            #expect(Backoff.delay(after: failures, jitter: 0, maximum: .milliseconds(400)) == .zero)
            #expect(Backoff.delay(after: failures, jitter: 1, maximum: .milliseconds(400)) <= .milliseconds(400))
        }
        #expect(Backoff.delay(after: 1, jitter: 1, maximum: .milliseconds(400)) == .milliseconds(50))
        #expect(Backoff.delay(after: 4, jitter: 0.5, maximum: .milliseconds(400)) == .milliseconds(200))
    }

    @Test func `the delay grows with each failure up to its maximum`() {
        var backoff = Backoff(maximum: .milliseconds(300))
        let delays = (0..<5).map { _ in backoff.fail(at: start, jitter: 1) }
        #expect(delays == [50, 100, 200, 300, 300].map { .milliseconds($0) })
    }

    @Test func `failures are forgotten once a success has lasted for a while`() {
        var backoff = Backoff()
        for _ in 0..<3 {
            _ = backoff.fail(at: start, jitter: 1)
        }
        backoff.succeed(at: start)
        #expect(backoff.fail(at: start + Backoff.probation, jitter: 1) == .milliseconds(50))
    }

    @Test func `a momentary success does not reset the delay`() {
        var backoff = Backoff()
        _ = backoff.fail(at: start, jitter: 1)
        backoff.succeed(at: start)
        #expect(backoff.fail(at: start + Backoff.probation - .nanoseconds(1), jitter: 1) == .milliseconds(100))
        // Successes before the failure do not reset it either.
        #expect(backoff.fail(at: start + Backoff.probation * 2, jitter: 1) == .milliseconds(200))
    }

    @Test func `consecutive successes are counted from the first`() {
        var backoff = Backoff()
        _ = backoff.fail(at: start, jitter: 1)
        backoff.succeed(at: start)
        backoff.succeed(at: start + Backoff.probation)
        #expect(backoff.fail(at: start + Backoff.probation, jitter: 1) == .milliseconds(50))
    }
}
