import ChatClient
import Testing

struct BackoffTests {
    @Test func `the bound doubles up to the longest delay`() {
        var backoff = Backoff(minDelay: .milliseconds(500), maxDelay: .seconds(3), random: { 1 })
        let delays = (1...5).map { _ in backoff.next().total }
        #expect(delays == [.milliseconds(500), .seconds(1), .seconds(2), .seconds(3), .seconds(3)])
    }

    @Test func `the delay is random between zero and the bound`() {
        var never = Backoff(random: { 0 })
        #expect(never.next().total == .zero)
        var half = Backoff(minDelay: .seconds(2), random: { 0.5 })
        #expect(half.next().total == .seconds(1))
    }

    @Test func `a success resets the bound`() {
        var backoff = Backoff(minDelay: .seconds(1), maxDelay: .seconds(30), random: { 1 })
        _ = backoff.next()
        _ = backoff.next()
        backoff.reset()
        #expect(backoff.next().total == .seconds(1))
    }

    @Test func `a delay is at least what the server asks for`() {
        var backoff = Backoff(random: { 1 })
        #expect(backoff.next(atLeast: 4) == Delay(total: .seconds(4), least: .seconds(4)))
    }

    @Test func `an absurd delay is limited to a day`() {
        var backoff = Backoff(random: { 1 })
        #expect(backoff.next(atLeast: 1e300).total == .seconds(86_400))
        #expect(backoff.next(atLeast: -5).least == .zero)
    }
}
