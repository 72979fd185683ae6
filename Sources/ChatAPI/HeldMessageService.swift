import ChatDomain
import ChatOperations
import ServiceLifecycle

/// Attends to the open messages that the server writes.
struct HeldMessageService<Store: ServiceStore>: Service {
    let streams: HeldMessages<Store>

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: .seconds(1))
                await streams.attend()
            }
        }
        await streams.stop()
    }
}
