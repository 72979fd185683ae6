import ChatDomain
import Hummingbird
import Logging
import ServiceLifecycle

/// Removes what large chats have left behind after they were deleted, beside the requests.
struct DeletedChatPurger<Store: ChatStore>: Service {
    private let store: Store
    private let logger: Logger
    private let calls: AsyncStream<Void>
    private let caller: AsyncStream<Void>.Continuation

    init(store: Store, logger: Logger) {
        self.store = store
        self.logger = logger
        (calls, caller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Tells it that a chat was deleted.
    @Sendable func wake() {
        caller.yield()
    }

    /// Purges what an earlier process has left, and then whenever it is told to, until the shutdown.
    func run() async throws {
        caller.yield()
        for await _ in calls.cancelOnGracefulShutdown() {
            do throws(StoreError) {
                while try await store.purgeDeletedChats(), !Task.isShuttingDownGracefully {}
            } catch {
                // The next deletion, or the next start, goes on with it.
                logger.warning("Purging deleted chats failed", metadata: ["reason": "\(error.reason)"])
            }
        }
    }
}
