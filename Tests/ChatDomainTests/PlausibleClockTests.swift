import ChatDomain
import Testing

@Suite struct PlausibleClockTests {
    private let start = Instant(microsecondsSinceEpoch: 1_000_000_000)
    private let count = ContinuousClock.now
    private static let year = Duration.seconds(365 * 86_400)

    @Test func aClockThatRunsIsBelieved() {
        var clock = PlausibleClock(maximumLeap: .seconds(60), wall: start, count: count)
        for seconds in [0, 1, 59, 3_600, 86_400] {
            let wall = start.advanced(by: .seconds(seconds))
            let reading = clock.read(wall: wall, count: count + .seconds(seconds))
            #expect(reading == (wall, .zero))
        }
    }

    @Test func aLeapAheadIsNotFollowedAndTimeGoesOn() {
        var clock = PlausibleClock(maximumLeap: .seconds(60), wall: start, count: count)
        for seconds in [1, 2, 7_200] {
            let time = start.advanced(by: .seconds(seconds))
            let reading = clock.read(wall: time.advanced(by: Self.year), count: count + .seconds(seconds))
            #expect(reading == (time, Self.year))
        }
        let right = start.advanced(by: .seconds(7_201))
        #expect(clock.read(wall: right, count: count + .seconds(7_201)) == (right, .zero))
    }

    @Test func aClockThatIsSetBackIsFollowedAndHeldToThat() {
        var clock = PlausibleClock(maximumLeap: .seconds(60), wall: start.advanced(by: Self.year), count: count)
        #expect(clock.read(wall: start, count: count) == (start, .zero))
        let reading = clock.read(wall: start.advanced(by: Self.year), count: count)
        #expect(reading == (start, Self.year))
    }

    @Test(arguments: [(60, true), (61, false)])
    func aSmallStepIsFollowed(_ seconds: Int, _ isFollowed: Bool) {
        var clock = PlausibleClock(maximumLeap: .seconds(60), wall: start, count: count)
        let wall = start.advanced(by: .seconds(seconds))
        #expect(clock.read(wall: wall, count: count).instant == (isFollowed ? wall : start))
    }

    /// Clocks that nobody sets run apart a little; many small steps at once are a leap.
    @Test func driftIsNoLeap() {
        var clock = PlausibleClock(maximumLeap: .seconds(60), wall: start, count: count)
        for hour in 1...100 {
            let wall = start.advanced(by: .seconds(hour * 3_610))
            #expect(clock.read(wall: wall, count: count + .seconds(hour * 3_600)) == (wall, .zero))
        }
        var steps = PlausibleClock(maximumLeap: .seconds(60), wall: start, count: count)
        for step in 1...100 {
            #expect(
                steps.read(wall: start.advanced(by: .seconds(step * 10)), count: count).instant
                    <= start.advanced(by: .seconds(60))
            )
        }
    }
}
