/// How long a server that fails is left alone before it is tried again.
///
/// A success of a moment does not count: a server that accepts connections and drops them at once is spared, too.
package struct Backoff: Sendable {
    package typealias Instant = ContinuousClock.Instant

    private var failures = 0
    private var workingSince: Instant?
    private let maximum: Duration

    /// For how long it must work until its failures are forgotten.
    package static let probation = Duration.seconds(10)

    /// - Parameter maximum: The longest that it is left alone.
    package init(maximum: Duration = .seconds(3)) {
        self.maximum = maximum
    }

    /// Notes that it works at this moment.
    package mutating func succeed(at now: Instant) {
        workingSince = workingSince ?? now
    }

    /// Notes that it does not.
    ///
    /// - Parameter jitter: A random number in 0..<1, by which clients of one server spread their attempts.
    /// - Returns: How long to wait.
    package mutating func fail(at now: Instant, jitter: Double) -> Duration {
        if let workingSince, workingSince + Self.probation <= now {
            failures = 0
        }
        workingSince = nil
        failures += 1
        return Self.delay(after: failures, jitter: jitter, maximum: maximum)
    }

    /// Full jitter under a bound that doubles from 50 ms.
    package static func delay(after failures: Int, jitter: Double, maximum: Duration) -> Duration {
        min(.milliseconds(50 << min(failures - 1, 16)), maximum) * jitter
    }
}
