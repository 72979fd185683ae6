import ChatLive
import Testing

/// The order in which pages of logs are read, and who receives them.
@Suite struct ReplayQueueTests {
    /// The state under test, with mutations that can be written inside an expectation.
    private final class Queue {
        private var state: ReplayQueue<String, Int, String>

        init(maximumReads: Int) {
            state = ReplayQueue(maximumReads: maximumReads)
        }

        func add(_ page: Int, for waiter: String, of owner: [String]) { state.add(page, for: waiter, of: owner) }
        func next() -> (page: Int, waiters: [String])? { state.next() }
        func finish(_ page: Int) { state.finish(page) }
        func removeAll(of owner: [String]) { state.removeAll(of: owner) }
    }

    @Test func `a limited number of pages is read at once`() {
        let queue = Queue(maximumReads: 2)
        for page in 1...3 {
            queue.add(page, for: "reader", of: ["a"])
        }
        #expect(queue.next()?.page == 1)
        #expect(queue.next()?.page == 2)
        #expect(queue.next() == nil)
        queue.finish(2)
        #expect(queue.next()?.page == 3)
        queue.finish(1)
        queue.finish(3)
        #expect(queue.next() == nil)
    }

    @Test func `subscribers that need the same page share one read`() throws {
        let queue = Queue(maximumReads: 4)
        queue.add(1, for: "first", of: ["a"])
        queue.add(2, for: "first", of: ["a"])
        queue.add(2, for: "second", of: ["b"])
        queue.add(1, for: "second", of: ["b"])
        for page in [1, 2] {
            let next = try #require(queue.next())
            #expect(next.page == page)
            #expect(next.waiters.sorted() == ["first", "second"])
        }
        #expect(queue.next() == nil)
    }

    /// A read that is under way may have started before the newest entry was stored.
    @Test func `a request for a page that is being read gets the next read`() {
        let queue = Queue(maximumReads: 4)
        queue.add(1, for: "first", of: ["a"])
        #expect(queue.next()?.waiters == ["first"])
        queue.add(1, for: "late", of: ["b"])
        #expect(queue.next() == nil)
        queue.finish(1)
        #expect(queue.next()?.waiters == ["late"])
    }

    /// The second owner's turn comes while the first owner's page is requested again.
    @Test func `a page is not read twice at once`() {
        let queue = Queue(maximumReads: 4)
        queue.add(1, for: "first", of: ["a"])
        queue.add(1, for: "second", of: ["b"])
        #expect(queue.next()?.waiters.count == 2)
        queue.add(1, for: "third", of: ["c"])
        #expect(queue.next() == nil)
        queue.finish(1)
        #expect(queue.next()?.waiters == ["third"])
        queue.finish(1)
        #expect(queue.next() == nil)
    }

    @Test func `nothing is read for a subscriber that has left`() {
        let queue = Queue(maximumReads: 1)
        queue.add(1, for: "gone", of: ["a", "1"])
        #expect(queue.next()?.page == 1)
        queue.add(1, for: "gone", of: ["a", "1"])
        queue.add(2, for: "gone", of: ["a", "1"])
        queue.add(3, for: "gone", of: ["a", "1"])
        queue.add(3, for: "stays", of: ["a", "2"])
        queue.removeAll(of: ["a", "1"])
        queue.finish(1)
        let next = queue.next()
        #expect(next?.page == 3)
        #expect(next?.waiters == ["stays"])
        queue.finish(3)
        #expect(queue.next() == nil)
    }
}
