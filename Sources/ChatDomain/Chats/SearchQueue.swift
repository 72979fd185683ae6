/// Runs searches one after the other, beside all other reads.
package struct SearchQueue: Sendable {
    private let searches: Batcher<ChatListQuery, ChatList>
    private let timeout: Duration

    /// - Parameter perform: Runs one search, and throws `StoreError.searchTimedOut` where it takes too long.
    package init(
        _ limits: SearchLimits,
        perform: @escaping @Sendable (ChatListQuery) async throws(StoreError) -> ChatList
    ) {
        timeout = limits.timeout
        let limits = BatchLimits(maximumBatch: 1, maximumWaiting: limits.maximumWaiting, patience: limits.timeout)
        searches = Batcher(limits) { queries throws(StoreError) in
            var lists: [Result<ChatList, StoreError>] = []
            for query in queries {
                lists.append(.success(try await perform(query)))
            }
            return BatchOutcome(answers: lists)
        }
    }

    /// - Throws: `StoreError.searchTimedOut` where the search, or those before it, took too long.
    package func chats(_ query: ChatListQuery) async throws(StoreError) -> ChatList {
        let start = ContinuousClock.now
        do throws(StoreError) {
            return try await searches.submit(query)
        } catch .unavailable(let reason) {
            throw start.duration(to: .now) < timeout ? .unavailable(reason: reason) : .searchTimedOut
        } catch {
            throw error.ofRead
        }
    }
}

/// How much a store takes on of searches, each of which may read every chat.
package struct SearchLimits: Sendable {
    /// How long a search may wait for its turn, and how long it may take.
    package var timeout: Duration
    /// How many searches may wait for their turn; a further one is refused at once.
    package var maximumWaiting: Int

    package init(timeout: Duration = .seconds(5), maximumWaiting: Int = 32) {
        self.timeout = timeout
        self.maximumWaiting = maximumWaiting
    }
}
