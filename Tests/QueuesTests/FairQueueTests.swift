import Queues
import Testing

/// The order of turns, without any I/O.
@Suite struct FairQueueTests {
    /// The state under test, with mutations that can be written inside an expectation.
    private final class Queue {
        private var state = FairQueue<String, Int>()

        var count: Int { state.count }
        func append(_ element: Int, of owner: [String]) { state.append(element, of: owner) }
        func popFirst() -> Int? { state.popFirst() }
        func removeAll(of owner: [String]) -> [Int] { state.removeAll(of: owner) }

        func drain() -> [Int] {
            var elements: [Int] = []
            while let first = state.first {
                #expect(popFirst() == first)
                elements.append(first)
            }
            #expect(popFirst() == nil)
            #expect(state.isEmpty)
            return elements
        }
    }

    @Test func `owners take turns no matter how many elements they have`() {
        let queue = Queue()
        for number in 1...4 {
            queue.append(number, of: ["a"])
        }
        queue.append(10, of: ["b"])
        queue.append(20, of: ["c"])
        #expect(queue.count == 6)
        #expect(queue.drain() == [1, 10, 20, 2, 3, 4])
    }

    /// A hundred connections from one address get the same share as one from another.
    @Test func `branches take turns, and so do the owners within them`() {
        let queue = Queue()
        for connection in 0..<100 {
            for number in 0..<5 {
                queue.append(connection * 10 + number, of: ["crowd", "\(connection)"])
            }
        }
        queue.append(-1, of: ["alone", "1"])
        queue.append(-2, of: ["alone", "1"])
        #expect(queue.drain().prefix(6) == [0, -1, 10, -2, 20, 30])
    }

    /// An owner that adds more after its turn waits behind the others.
    @Test func `an owner that adds more waits for its next turn`() {
        let queue = Queue()
        queue.append(1, of: ["a"])
        queue.append(2, of: ["b"])
        queue.append(3, of: ["c"])
        #expect(queue.popFirst() == 1)
        queue.append(4, of: ["a"])
        #expect(queue.drain() == [2, 3, 4])
    }

    @Test func `an owner's elements can be removed`() {
        let queue = Queue()
        queue.append(1, of: ["a", "x"])
        queue.append(2, of: ["a", "y"])
        queue.append(3, of: ["b", "x"])
        queue.append(4, of: ["a", "x"])
        #expect(queue.removeAll(of: ["a", "x"]) == [1, 4])
        #expect(queue.removeAll(of: ["a", "z"]).isEmpty)
        #expect(queue.removeAll(of: ["c"]).isEmpty)
        #expect(queue.count == 2)
        #expect(queue.removeAll(of: ["a"]) == [2])
        #expect(queue.drain() == [3])
    }
}
