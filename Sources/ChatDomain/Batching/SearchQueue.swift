/// Runs searches one at a time, separately from all other reads.
package struct SearchQueue: Sendable {
    private let searches: Batcher<ChatListQuery, ChatList>
    private let timeout: Duration

    /// - Parameter perform: Runs one search; throws `StoreError.searchTimedOut` if it takes too long.
    package init(
        _ limits: SearchLimits,
        perform: @escaping @Sendable (ChatListQuery) async throws(StoreError) -> ChatList
    ) {
        timeout = limits.timeout
        let limits = BatchLimits(maximumBatch: 1, maximumWaiting: limits.maximumWaiting, queueTimeout: limits.timeout)
        searches = Batcher(limits) { queries throws(StoreError) in
            var lists: [Result<ChatList, StoreError>] = []
            for query in queries {
                lists.append(.success(try await perform(query)))
            }
            return BatchOutcome(answers: lists)
        }
    }

    /// Searches that wait for their turn.
    package var waitingCount: Int {
        searches.load.waiting
    }

    /// Waits its turn and runs a search.
    ///
    /// - Throws: `StoreError.searchTimedOut` if the search or those queued before it took too long;
    ///   `StoreError.unavailable` if the queue is full.
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

/// Limits on searches, each of which may scan every chat.
package struct SearchLimits: Sendable {
    /// How long a search may wait for its turn, and then how long it may run.
    package var timeout: Duration
    /// How many searches may wait; further ones are rejected at once.
    package var maximumWaiting: Int

    package init(timeout: Duration = .seconds(5), maximumWaiting: Int = 32) {
        self.timeout = timeout
        self.maximumWaiting = maximumWaiting
    }
}
