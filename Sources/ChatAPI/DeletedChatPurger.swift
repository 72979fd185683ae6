import ChatDomain
import Hummingbird
import Logging
import ServiceLifecycle

/// Purges the remaining rows of large deleted chats in the background.
struct DeletedChatPurger<Store: ServiceStore>: Service {
    private let store: Store
    private let logger: Logger
    private let interval: Duration
    private let calls: AsyncStream<Void>
    private let caller: AsyncStream<Void>.Continuation

    /// - Parameter interval: How often to look for rows that a failed purge, or another server, has left.
    init(store: Store, logger: Logger, interval: Duration) {
        self.store = store
        self.logger = logger
        self.interval = interval
        (calls, caller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Requests a purge; call it when a chat was deleted.
    @Sendable func wake() {
        caller.yield()
    }

    /// Purges rows that an earlier process has left, and then on request, until graceful shutdown.
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
            // Cancelled: the purger ends.
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
