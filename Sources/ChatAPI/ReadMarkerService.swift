import ChatDomain
import ChatOperations
import ServiceLifecycle

/// Writes the read markers that still wait when the server stops.
struct ReadMarkerService<Store: ServiceStore>: Service {
    let readMarkers: ReadMarkers<Store>

    func run() async throws {
        try? await gracefulShutdown()
        await readMarkers.flush()
    }
}
