import Synchronization

/// The sessions opened with one server, until it is found to be read-only.
final class ServerSessions: Sendable {
    /// Interrupts the waits of listening sessions.
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
