import Synchronization

/// Counts the events of a stream, for the access log.
final class StreamTally: Sendable {
    private let count = Atomic(0)

    /// Log entries and typing notices; no other notices, and no heartbeats.
    var events: Int {
        count.load(ordering: .relaxed)
    }

    func countEvent() {
        count.add(1, ordering: .relaxed)
    }
}
