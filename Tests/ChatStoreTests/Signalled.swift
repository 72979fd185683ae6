import ChatDomain
import Synchronization

/// The entries that a store has signalled so far, after each signal.
final class Signalled: Sendable {
    let stream: AsyncStream<[LogEntry]>

    init(by store: any ChatStore) {
        let (stream, continuation) = AsyncStream.makeStream(of: [LogEntry].self)
        self.stream = stream
        let entries = Mutex<[LogEntry]>([])
        store.signals.addListener { signal in
            guard case .appended(let new, _) = signal else { return }
            continuation.yield(
                entries.withLock { entries in
                    entries += new
                    return entries
                }
            )
        }
    }
}
