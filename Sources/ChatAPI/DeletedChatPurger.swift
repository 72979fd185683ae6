import ChatDomain
import Hummingbird
import Logging
import ServiceLifecycle

/// Removes what large chats have left behind after they were deleted, beside the requests.
struct DeletedChatPurger<Store: ChatStore>: Service {
    private let store: Store
    private let logger: Logger
    private let interval: Duration
    private let calls: AsyncStream<Void>
    private let caller: AsyncStream<Void>.Continuation

    /// - Parameter interval: Between looks for what a failed purge, or another server, has left.
    init(store: Store, logger: Logger, interval: Duration) {
        self.store = store
        self.logger = logger
        self.interval = interval
        (calls, caller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Tells it that a chat was deleted.
    @Sendable func wake() {
        caller.yield()
    }

    /// Purges what an earlier process has left, and then whenever it is told to, until the shutdown.
    func run() async throws {
        caller.yield()
        await withDiscardingTaskGroup { group in
            group.addTask { await wakeAtIntervals() }
            for await _ in calls.cancelOnGracefulShutdown() {
                await purge()
            }
            group.cancelAll()
        }
    }

    private func wakeAtIntervals() async {
        do {
            while true {
                try await Task.sleep(for: interval)
                wake()
            }
        } catch {
            // The purger ends.
        }
    }

    private func purge() async {
        do throws(StoreError) {
            while try await store.purgeDeletedChats(), !Task.isShuttingDownGracefully {}
        } catch {
            logger.warning("Purging deleted chats failed", metadata: ["reason": "\(error.reason)"])
        }
    }
}
