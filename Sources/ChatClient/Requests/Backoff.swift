/// Doubles a bound with each failure and draws the wait between 0 and the bound ("full jitter").
///
/// Clients that lost the same server thus do not return in step.
package struct Backoff: Sendable {
    package let minDelay: Duration
    package let maxDelay: Duration
    private let random: @Sendable () -> Double
    private var bound: Duration

    /// - Parameter random: Returns a number from 0 to 1.
    package init(
        minDelay: Duration = .milliseconds(500),
        maxDelay: Duration = .seconds(30),
        random: @escaping @Sendable () -> Double = { .random(in: 0...1) }
    ) {
        self.minDelay = minDelay
        self.maxDelay = maxDelay
        self.random = random
        bound = minDelay
    }

    /// Returns a new one whose waits are no longer than `delay`, if there is one.
    func limited(to delay: Duration?) -> Backoff {
        guard let delay else { return self }
        return Backoff(minDelay: min(minDelay, delay), maxDelay: min(maxDelay, delay), random: random)
    }

    /// Notes a failure, and returns how long to wait.
    ///
    /// - Parameter seconds: What the server asked for.
    package mutating func next(atLeast seconds: Double? = nil) -> Delay {
        let least = Duration.limited(seconds: seconds ?? 0)
        let delay = bound * random()
        bound = min(bound * 2, maxDelay)
        return Delay(total: max(delay, least), least: least)
    }

    /// Starts over after a success.
    package mutating func reset() {
        bound = minDelay
    }
}
