import ChatDomain
import Testing

struct BatchStateTests {
    private let start = ContinuousClock.now

    /// The state under test, in a form whose changes can stand inside an expectation.
    private final class Queue {
        private var state: BatchState<String>
        private let start: ContinuousClock.Instant

        init(maximumBatch: Int, maximumWaiting: Int, start: ContinuousClock.Instant) {
            state = BatchState(maximumBatch: maximumBatch, maximumWaiting: maximumWaiting)
            self.start = start
        }

        func add(_ entry: String, _ number: UInt64, patience: Duration = .seconds(5)) -> BatchState<String>.AddAction {
            state.add(entry, BatchState.Ticket(rawValue: number), deadline: start + patience)
        }

        func next(after time: Duration = .zero) -> (batch: [String], expired: [String])? {
            state.next(at: start + time)
        }

        func withdraw(_ number: UInt64) -> String? {
            state.withdraw(BatchState.Ticket(rawValue: number))
        }
    }

    @Test func aLoneRequestIsABatchOfItsOwn() {
        let queue = Queue(maximumBatch: 10, maximumWaiting: 10, start: start)
        #expect(queue.add("a", 1) == .run)
        let next = queue.next()
        #expect(next?.batch == ["a"])
        #expect(next?.expired == [])
        #expect(queue.next() == nil)
        #expect(queue.add("b", 2) == .run)
    }

    @Test func whatComesWhileABatchRunsIsTheNextOneInOrder() {
        let queue = Queue(maximumBatch: 10, maximumWaiting: 10, start: start)
        #expect(queue.add("a", 1) == .run)
        #expect(queue.next()?.batch == ["a"])
        #expect(queue.add("b", 2) == .wait)
        #expect(queue.add("c", 3) == .wait)
        #expect(queue.next()?.batch == ["b", "c"])
        #expect(queue.next() == nil)
    }

    @Test func aBatchIsBounded() {
        let queue = Queue(maximumBatch: 2, maximumWaiting: 10, start: start)
        for number in 1...5 {
            _ = queue.add("\(number)", UInt64(number))
        }
        #expect(queue.next()?.batch == ["1", "2"])
        #expect(queue.next()?.batch == ["3", "4"])
        #expect(queue.next()?.batch == ["5"])
        #expect(queue.next() == nil)
    }

    @Test func theQueueIsBounded() {
        let queue = Queue(maximumBatch: 10, maximumWaiting: 2, start: start)
        #expect(queue.add("a", 1) == .run)
        #expect(queue.next()?.batch == ["a"])
        #expect(queue.add("b", 2) == .wait)
        #expect(queue.add("c", 3) == .wait)
        #expect(queue.add("d", 4) == .refuse)
        #expect(queue.next()?.batch == ["b", "c"])
        #expect(queue.add("e", 5) == .wait)
    }

    @Test func whoWaitedTooLongIsNotRun() {
        let queue = Queue(maximumBatch: 1, maximumWaiting: 10, start: start)
        _ = queue.add("a", 1, patience: .seconds(1))
        _ = queue.add("b", 2, patience: .seconds(3))
        _ = queue.add("c", 3, patience: .seconds(3))
        let next = queue.next(after: .seconds(2))
        #expect(next?.batch == ["b"])
        #expect(next?.expired == ["a"])
        let last = queue.next(after: .seconds(4))
        #expect(last?.batch == [])
        #expect(last?.expired == ["c"])
    }

    @Test func aRequestIsWithdrawnOnceAndOnlyWhileItWaits() {
        let queue = Queue(maximumBatch: 10, maximumWaiting: 10, start: start)
        for number in 1...3 {
            _ = queue.add("\(number)", UInt64(number))
        }
        #expect(queue.withdraw(2) == "2")
        #expect(queue.withdraw(2) == nil)
        #expect(queue.next()?.batch == ["1", "3"])
        #expect(queue.withdraw(1) == nil)
    }
}
