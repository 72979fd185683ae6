import ChatDomain
import ChatLive
import ChatTestSupport
import Testing

struct ReplayBufferTests {
    private func buffer(_ range: ClosedRange<Int64>) -> ReplayBuffer {
        var buffer = ReplayBuffer(end: Position(rawValue: range.lowerBound - 1))
        for position in range {
            #expect(buffer.append(.sample(position), at: Position(rawValue: position)) == .added)
        }
        return buffer
    }

    private func positions(_ buffer: ReplayBuffer) -> [Int64] {
        var positions: [Int64] = []
        var position = buffer.base
        while let next = buffer.event(after: position)?.position {
            positions.append(next.rawValue)
            position = next
        }
        return positions
    }

    @Test func `only the next event is added`() {
        var buffer = buffer(4...6)
        for position in 1...6 as ClosedRange<Int64> {
            #expect(buffer.append(.sample(position), at: Position(rawValue: position)) == .known)
        }
        #expect(buffer.append(.sample(8), at: 8) == .gap)
        #expect(buffer.end == 6)
        #expect(buffer.append(.sample(7), at: 7) == .added)
        #expect(positions(buffer) == [4, 5, 6, 7])
        #expect(buffer.event(after: 7) == nil)
        #expect(buffer.event(after: 100) == nil)
    }

    @Test func `trimmed events take no memory`() {
        var buffer = buffer(1...10)
        let one = LiveEvent.sample(1).size
        #expect(buffer.size == 9 * one + LiveEvent.sample(10).size)
        buffer.trim(to: 4)
        #expect(positions(buffer) == Array(5...10))
        buffer.trim(to: 2)
        #expect(buffer.base == 4)
        buffer.trim(toCount: 3, size: .max)
        #expect(positions(buffer) == [8, 9, 10])
        buffer.trim(toCount: 3, size: LiveEvent.sample(10).size)
        #expect(positions(buffer) == [10])
        buffer.trim(toCount: 0, size: 0)
        #expect((buffer.count, buffer.size) == (0, 0))
        #expect(buffer.base == 10)
        buffer.trim(to: 99)
        #expect(buffer.end == 10)
        #expect(buffer.append(.sample(11), at: 11) == .added)
    }
}
