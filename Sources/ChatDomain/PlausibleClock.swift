/// What a clock that may be set wrongly has to say, held against one that only counts.
///
/// An entry cannot be dated before the one that precedes it: a clock that leapt ahead for a moment would date a chat's entries
/// until the moment it leapt to. So a leap is not followed; time goes on from where it was. A clock that is set back is
/// followed at once.
package struct PlausibleClock {
    package typealias Count = ContinuousClock.Instant

    package struct Reading: Equatable, Sendable {
        /// The instant to believe in.
        package let instant: Instant
        /// By how much the clock is ahead of it.
        package let lead: Duration

        package init(_ instant: Instant, lead: Duration) {
            self.instant = instant
            self.lead = lead
        }
    }

    private let maximumLeap: Duration
    /// Where the leap is measured from.
    private var origin: (wall: Instant, count: Count)

    /// Clocks run apart by less than the leap in this time.
    private static let drift = Duration.seconds(3_600)

    /// - Parameter maximumLeap: How far the clock may get ahead of the count, at once or within an hour.
    package init(maximumLeap: Duration, wall: Instant, count: Count) {
        self.maximumLeap = maximumLeap
        origin = (wall, count)
    }

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
