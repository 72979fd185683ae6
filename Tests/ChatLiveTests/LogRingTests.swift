import ChatDomain
import ChatLive
import ChatTestSupport
import Testing

struct LogRingTests {
    private func ring(_ range: ClosedRange<Int64>) -> LogRing {
        var ring = LogRing(end: Position(rawValue: range.lowerBound - 1))
        for position in range {
            #expect(ring.append(.sample(position), at: Position(rawValue: position)) == .added)
        }
        return ring
    }

    private func positions(_ ring: LogRing) -> [Int64] {
        var positions: [Int64] = []
        var position = ring.base
        while let next = ring.event(after: position)?.position {
            positions.append(next.rawValue)
            position = next
        }
        return positions
    }

    @Test func itTakesNothingButWhatComesNext() {
        var ring = ring(4...6)
        for position in 1...6 as ClosedRange<Int64> {
            #expect(ring.append(.sample(position), at: Position(rawValue: position)) == .known)
        }
        #expect(ring.append(.sample(8), at: Position(rawValue: 8)) == .gap)
        #expect(ring.end == Position(rawValue: 6))
        #expect(ring.append(.sample(7), at: Position(rawValue: 7)) == .added)
        #expect(positions(ring) == [4, 5, 6, 7])
        #expect(ring.event(after: Position(rawValue: 7)) == nil)
        #expect(ring.event(after: Position(rawValue: 100)) == nil)
    }

    @Test func whatIsForgottenTakesNoMemory() {
        var ring = ring(1...10)
        let one = LiveEvent.sample(1).size
        #expect(ring.size == 9 * one + LiveEvent.sample(10).size)
        ring.trim(to: Position(rawValue: 4))
        #expect(positions(ring) == Array(5...10))
        ring.trim(to: Position(rawValue: 2))
        #expect(ring.base == Position(rawValue: 4))
        ring.trim(toCount: 3, size: .max)
        #expect(positions(ring) == [8, 9, 10])
        ring.trim(toCount: 3, size: LiveEvent.sample(10).size)
        #expect(positions(ring) == [10])
        ring.trim(toCount: 0, size: 0)
        #expect((ring.count, ring.size) == (0, 0))
        #expect(ring.base == Position(rawValue: 10))
        ring.trim(to: Position(rawValue: 99))
        #expect(ring.end == Position(rawValue: 10))
        #expect(ring.append(.sample(11), at: Position(rawValue: 11)) == .added)
    }
}
