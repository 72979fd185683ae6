import ChatDomain
import Testing

struct BatchStateTests {
    private let start = ContinuousClock.now

    /// The state under test, with mutations that can be written inside an expectation.
    private final class Queue {
        private var state: BatchState<String>
        private let start: ContinuousClock.Instant

        init(maximumBatch: Int, maximumWaiting: Int, queueCount: Int = 1, start: ContinuousClock.Instant) {
            state = BatchState(
                maximumBatch: maximumBatch,
                maximumWaiting: maximumWaiting,
                queueCount: queueCount
            )
            self.start = start
        }

        func add(
            _ entry: String,
            _ number: UInt64,
            weight: Int = 1,
            queue: Int = 0,
            timeout: Duration = .seconds(5)
        ) -> BatchState<String>.AddAction {
            let ticket = BatchState<String>.Ticket(rawValue: number)
            return state.add(entry, ticket, weight: weight, queue: queue, deadline: start + timeout)
        }

        func next() -> [String]? {
            state.next()
        }

        /// The requests whose deadline has passed, and when to check again, counted from the start.
        func expire(after time: Duration) -> (expired: [String], next: Duration?) {
            let (expired, next) = state.expire(at: start + time)
            return (expired, next.map { start.duration(to: $0) })
        }

        func withdraw(_ number: UInt64) -> String? {
            state.withdraw(BatchState.Ticket(rawValue: number))
        }
    }

    @Test func `a single request is a batch of its own`() {
        let queue = Queue(maximumBatch: 10, maximumWaiting: 10, start: start)
        #expect(queue.add("a", 1) == .run)
        #expect(queue.next() == ["a"])
        #expect(queue.next() == nil)
        #expect(queue.add("b", 2) == .run)
    }

    @Test func `requests that arrive while a batch runs form the next one, in order`() {
        let queue = Queue(maximumBatch: 10, maximumWaiting: 10, start: start)
        #expect(queue.add("a", 1) == .run)
        #expect(queue.next() == ["a"])
        #expect(queue.add("b", 2) == .waitAndWatch)
        #expect(queue.add("c", 3) == .wait)
        #expect(queue.next() == ["b", "c"])
        #expect(queue.next() == nil)
    }

    @Test func `a batch has a maximum size`() {
        let queue = Queue(maximumBatch: 2, maximumWaiting: 10, start: start)
        for number in 1...5 {
            _ = queue.add("\(number)", UInt64(number))
        }
        #expect(queue.next() == ["1", "2"])
        #expect(queue.next() == ["3", "4"])
        #expect(queue.next() == ["5"])
        #expect(queue.next() == nil)
    }

    @Test func `heavy requests make small batches, and one that is too heavy runs alone`() {
        let queue = Queue(maximumBatch: 4, maximumWaiting: 10, start: start)
        for (number, weight) in [1, 2, 2, 9, 1].enumerated() {
            _ = queue.add("\(number)", UInt64(number), weight: weight)
        }
        #expect(queue.next() == ["0", "1"])
        #expect(queue.next() == ["2"])
        #expect(queue.next() == ["3"])
        #expect(queue.next() == ["4"])
        #expect(queue.next() == nil)
    }

    @Test func `the queue has a maximum length`() {
        let queue = Queue(maximumBatch: 10, maximumWaiting: 2, start: start)
        #expect(queue.add("a", 1) == .run)
        #expect(queue.next() == ["a"])
        #expect(queue.add("b", 2) == .waitAndWatch)
        #expect(queue.add("c", 3) == .wait)
        #expect(queue.add("d", 4) == .refuse)
        #expect(queue.next() == ["b", "c"])
        #expect(queue.add("e", 5) == .wait)
    }

    @Test func `requests that wait too long time out while a batch runs`() {
        let queue = Queue(maximumBatch: 10, maximumWaiting: 10, start: start)
        #expect(queue.add("a", 1) == .run)
        #expect(queue.next() == ["a"])
        #expect(queue.add("b", 2, timeout: .seconds(1)) == .waitAndWatch)
        #expect(queue.add("c", 3, timeout: .seconds(3)) == .wait)
        let first = queue.expire(after: .zero)
        #expect(first.expired == [])
        #expect(first.next == .seconds(1))
        let second = queue.expire(after: .seconds(1))
        #expect(second.expired == ["b"])
        #expect(second.next == .seconds(3))
        #expect(queue.next() == ["c"])
        let third = queue.expire(after: .seconds(3))
        #expect(third.expired == [])
        #expect(third.next == nil)
        // The watching has ended, so the next request starts it again.
        #expect(queue.add("d", 4) == .waitAndWatch)
    }

    @Test func `a request can be withdrawn once and only while it waits`() {
        let queue = Queue(maximumBatch: 10, maximumWaiting: 10, start: start)
        for number in 1...3 {
            _ = queue.add("\(number)", UInt64(number))
        }
        #expect(queue.withdraw(2) == "2")
        #expect(queue.withdraw(2) == nil)
        #expect(queue.next() == ["1", "3"])
        #expect(queue.withdraw(1) == nil)
    }

    @Test func `a flood of one kind leaves the others their share of each batch`() {
        let queue = Queue(maximumBatch: 4, maximumWaiting: 10, queueCount: 3, start: start)
        for number in 1...8 as ClosedRange<UInt64> {
            _ = queue.add("many", number)
        }
        for number in 9...11 as ClosedRange<UInt64> {
            _ = queue.add("few", number, queue: 1)
        }
        #expect(queue.next() == ["many", "many", "few", "few"])
        #expect(queue.next() == ["many", "many", "few"])
        // An unused share goes to the requests that wait.
        #expect(queue.next() == ["many", "many", "many", "many"])
        #expect(queue.next() == nil)
    }

    @Test func `a flood of one kind fills only its own queue`() {
        let queue = Queue(maximumBatch: 10, maximumWaiting: 2, queueCount: 2, start: start)
        #expect(queue.add("a", 1) == .run)
        #expect(queue.add("b", 2) == .waitAndWatch)
        #expect(queue.add("c", 3) == .refuse)
        #expect(queue.add("d", 4, queue: 1) == .wait)
        #expect(queue.next() == ["a", "b", "d"])
    }

    @Test func `every kind gets its turn if batches are too small for all`() {
        let queue = Queue(maximumBatch: 1, maximumWaiting: 10, queueCount: 2, start: start)
        for number in 1...2 as ClosedRange<UInt64> {
            _ = queue.add("one", number)
            _ = queue.add("other", number + 2, queue: 1)
        }
        #expect([queue.next(), queue.next(), queue.next(), queue.next()] == [["one"], ["other"], ["one"], ["other"]])
        #expect(queue.next() == nil)
    }

    @Test func `requests that wait too long time out in every queue`() {
        let queue = Queue(maximumBatch: 10, maximumWaiting: 10, queueCount: 2, start: start)
        #expect(queue.add("a", 1, timeout: .seconds(3)) == .run)
        #expect(queue.add("b", 2, queue: 1, timeout: .seconds(1)) == .waitAndWatch)
        #expect(queue.add("c", 3, queue: 1, timeout: .seconds(4)) == .wait)
        let first = queue.expire(after: .seconds(1))
        #expect(first.expired == ["b"])
        #expect(first.next == .seconds(3))
        #expect(queue.withdraw(3) == "c")
        #expect(queue.next() == ["a"])
    }
}
