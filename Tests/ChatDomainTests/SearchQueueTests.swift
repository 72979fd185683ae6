import ChatDomain
import ChatTestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct SearchQueueTests {
    private let nothing = ChatList(chats: [], next: nil, epoch: 1)
    private let query = ChatListQuery(limit: 1, titlePart: "a")

    @Test func `searches run one at a time and a full queue rejects them at once`() async throws {
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let (opened, open) = AsyncStream.makeStream(of: Void.self)
        let limits = SearchLimits(timeout: .seconds(3_600), maximumWaiting: 1)
        let queue = SearchQueue(limits) { [nothing] _ in
            start.yield()
            for await _ in opened {}
            return nothing
        }
        async let first = queue.chats(query)
        for await _ in started { break }
        let (finished, finish) = AsyncStream.makeStream(of: Result<ChatList, StoreError>.self)
        for _ in 0..<2 {
            Task {
                do throws(StoreError) {
                    finish.yield(.success(try await queue.chats(query)))
                } catch {
                    finish.yield(.failure(error))
                }
            }
        }
        // One of the two waits; the other is rejected at once.
        var results = finished.makeAsyncIterator()
        #expect(await results.next() == .failure(.unavailable(reason: "too many requests are waiting")))
        open.finish()
        #expect(await results.next() == .success(nothing))
        #expect(try await first == nothing)
    }

    @Test func `a search that waits too long for its turn times out`() async throws {
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let (opened, open) = AsyncStream.makeStream(of: Void.self)
        let queue = SearchQueue(SearchLimits(timeout: .milliseconds(50))) { [nothing] _ in
            start.yield()
            for await _ in opened {}
            return nothing
        }
        async let first = queue.chats(query)
        for await _ in started { break }
        await #expect(throws: StoreError.searchTimedOut) { try await queue.chats(query) }
        open.finish()
        #expect(try await first == nothing)
    }
}
