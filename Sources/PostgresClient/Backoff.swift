/// Decides how long to wait before retrying a failed server.
///
/// A momentary success does not reset the delay, so a server that accepts connections and drops them at once is spared,
/// too.
package struct Backoff: Sendable {
    /// Monotonic, so delays do not depend on the wall clock.
    package typealias Instant = ContinuousClock.Instant

    private var failures = 0
    private var workingSince: Instant?
    private let maximum: Duration

    /// How long the server must keep working before its failures are forgotten.
    package static let probation = Duration.seconds(10)

    /// - Parameter maximum: The longest delay; 3 seconds by default.
    package init(maximum: Duration = .seconds(3)) {
        self.maximum = maximum
    }

    /// Records a success.
    package mutating func succeed(at now: Instant) {
        workingSince = workingSince ?? now
    }

    /// Records a failure.
    ///
    /// - Parameter jitter: A random number in 0..<1, which spreads the attempts of a server's clients.
    /// - Returns: How long to wait before the next attempt.
    package mutating func fail(at now: Instant, jitter: Double) -> Duration {
        if let workingSince, workingSince + Self.probation <= now {
            failures = 0
        }
        workingSince = nil
        failures += 1
        return Self.delay(after: failures, jitter: jitter, maximum: maximum)
    }

    /// Returns a delay between zero and a bound that starts at 50 ms and doubles with each failure ("full jitter").
    ///
    /// - Parameters:
    ///   - failures: The number of consecutive failures, at least 1.
    ///   - jitter: A random number in 0..<1.
    ///   - maximum: The largest bound.
    package static func delay(after failures: Int, jitter: Double, maximum: Duration) -> Duration {
        min(.milliseconds(50 << min(failures - 1, 16)), maximum) * jitter
    }
}
