/// A wall clock checked against a monotonic clock.
///
/// An entry must not be dated before its predecessor, so a clock that jumps ahead for a moment would determine the
/// dates of a chat's entries until real time catches up. A forward jump is therefore ignored, and time continues from
/// where it was. A clock that is set back is followed at once.
package struct PlausibleClock {
    /// A reading of the monotonic clock.
    package typealias Count = ContinuousClock.Instant

    /// The result of reading both clocks.
    package struct Reading: Equatable, Sendable {
        /// The plausible time: the wall clock's, or the extrapolated one while a jump is being ignored.
        package let instant: Instant
        /// How far the wall clock is ahead of `instant`; zero unless a jump is being ignored.
        package let lead: Duration

        package init(_ instant: Instant, lead: Duration) {
            self.instant = instant
            self.lead = lead
        }
    }

    private let maximumLeap: Duration
    /// The pair of readings from which jumps are measured.
    private var origin: (wall: Instant, count: Count)

    /// The interval after which the origin is renewed; normal clock drift within it stays below the maximum jump.
    private static let drift = Duration.seconds(3_600)

    /// - Parameter maximumLeap: How far the wall clock may get ahead of the monotonic clock, at once or within an hour.
    package init(maximumLeap: Duration, wall: Instant, count: Count) {
        self.maximumLeap = maximumLeap
        origin = (wall, count)
    }

    /// Judges a pair of readings taken at the same moment.
    ///
    /// - Precondition: `count` is no earlier than in previous calls.
    package mutating func read(wall: Instant, count: Count) -> Reading {
        let elapsed = origin.count.duration(to: count)
        let expected = origin.wall.advanced(by: elapsed)
        let lead = expected.duration(to: wall)
        if lead > maximumLeap { return Reading(expected, lead: lead) }
        if lead < .zero || elapsed >= Self.drift {
            origin = (wall, count)
        }
        return Reading(wall, lead: .zero)
    }
}
