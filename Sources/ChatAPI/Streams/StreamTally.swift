import Synchronization

/// Counts what a stream has sent, for the log.
final class StreamTally: Sendable {
    private let count = Atomic(0)

    /// The events, without notices and heartbeats.
    var events: Int {
        count.load(ordering: .relaxed)
    }

    func countEvent() {
        count.add(1, ordering: .relaxed)
    }
}
