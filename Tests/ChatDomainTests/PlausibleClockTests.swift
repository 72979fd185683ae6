import ChatDomain
import Testing

@Suite struct PlausibleClockTests {
    private let start = Instant(microsecondsSinceEpoch: 1_000_000_000)
    private let count = ContinuousClock.now
    private static let year = Duration.seconds(365 * 86_400)

    @Test func `a steady clock is trusted`() {
        var clock = PlausibleClock(maximumLeap: .seconds(60), wall: start, count: count)
        for seconds in [0, 1, 59, 3_600, 86_400] {
            let wall = start.advanced(by: .seconds(seconds))
            let reading = clock.read(wall: wall, count: count + .seconds(seconds))
            #expect(reading == PlausibleClock.Reading(wall, lead: .zero))
        }
    }

    @Test func `a jump of the clock is ignored, and time advances steadily`() {
        var clock = PlausibleClock(maximumLeap: .seconds(60), wall: start, count: count)
        for seconds in [1, 2, 7_200] {
            let time = start.advanced(by: .seconds(seconds))
            let reading = clock.read(wall: time.advanced(by: Self.year), count: count + .seconds(seconds))
            #expect(reading == PlausibleClock.Reading(time, lead: Self.year))
        }
        let right = start.advanced(by: .seconds(7_201))
        let reading = clock.read(wall: right, count: count + .seconds(7_201))
        #expect(reading == PlausibleClock.Reading(right, lead: .zero))
    }

    @Test func `a clock that is set back is accepted, and jumps are measured from there`() {
        let ahead = start.advanced(by: Self.year)
        var clock = PlausibleClock(maximumLeap: .seconds(60), wall: ahead, count: count)
        let back = clock.read(wall: start, count: count)
        #expect(back == PlausibleClock.Reading(start, lead: .zero))
        let again = clock.read(wall: ahead, count: count)
        #expect(again == PlausibleClock.Reading(start, lead: Self.year))
    }

    @Test(arguments: [(60, true), (61, false)])
    func `only a small step is followed`(_ seconds: Int, _ isFollowed: Bool) {
        var clock = PlausibleClock(maximumLeap: .seconds(60), wall: start, count: count)
        let wall = start.advanced(by: .seconds(seconds))
        let reading = clock.read(wall: wall, count: count)
        #expect(reading.instant == (isFollowed ? wall : start))
    }

    @Test func `drift is not a leap`() {
        var clock = PlausibleClock(maximumLeap: .seconds(60), wall: start, count: count)
        for hour in 1...100 {
            let wall = start.advanced(by: .seconds(hour * 3_610))
            let reading = clock.read(wall: wall, count: count + .seconds(hour * 3_600))
            #expect(reading == PlausibleClock.Reading(wall, lead: .zero))
        }
    }

    @Test func `many small steps at once are a leap`() {
        var clock = PlausibleClock(maximumLeap: .seconds(60), wall: start, count: count)
        for step in 1...100 {
            let reading = clock.read(wall: start.advanced(by: .seconds(step * 10)), count: count)
            #expect(reading.instant <= start.advanced(by: .seconds(60)))
        }
    }
}
