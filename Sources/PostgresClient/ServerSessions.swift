import Synchronization

/// The sessions that were opened with one server, until it is found to be read-only.
final class ServerSessions: Sendable {
    /// Ends the waits of those that listen.
    let retirement = Interruption()
    private let isRetired = Atomic(false)

    var areRetired: Bool {
        isRetired.load(ordering: .relaxed)
    }

    func retire() {
        isRetired.store(true, ordering: .relaxed)
        retirement.interrupt()
    }
}
