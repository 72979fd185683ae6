import ChatDomain
import Hummingbird
import Logging
import ServiceLifecycle

/// Finishes deletions in the background: purges the rows of large deleted chats, and erases the messages of deleted
/// users.
struct DeletionService<Store: ServiceStore>: Service {
    private let store: Store
    private let logger: Logger
    private let interval: Duration
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    /// - Parameter interval: How often to look for what a failed step, or another server, has left.
    init(store: Store, logger: Logger, interval: Duration) {
        self.store = store
        self.logger = logger
        self.interval = interval
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Requests a run; call it when a chat or a user was deleted.
    @Sendable func wake() {
        wakeUp.yield()
    }

    /// Finishes what an earlier process has left, and then runs on request, until graceful shutdown.
    func run() async throws {
        wakeUp.yield()
        await withDiscardingTaskGroup { group in
            group.addTask { await wakeAtIntervals() }
            for await _ in wakeUps.cancelOnGracefulShutdown() {
                await finish("Purging deleted chats failed") { store throws(StoreError) in
                    try await store.purgeDeletedChats()
                }
                await finish("Erasing deleted users' messages failed") { store throws(StoreError) in
                    try await store.eraseMessages()
                }
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
            // Cancelled: the service ends.
        }
    }

    /// - Parameter step: Deletes a bounded part, and returns whether there may be more.
    private func finish(_ failure: Logger.Message, _ step: (Store) async throws(StoreError) -> Bool) async {
        do throws(StoreError) {
            while !Task.isShuttingDownGracefully, try await step(store) {}
        } catch {
            logger.warning(failure, metadata: ["reason": "\(error.reason)"])
        }
    }
}
