import ChatDomain
import DequeModule
import Synchronization

/// The traces to which the latest messages belong, so that the requests that deliver them continue these traces.
final class DeliveryTraces: Sendable {
    private struct Entry {
        let chat: ChatID
        let position: Position
        let trace: TraceParent
    }

    /// Later deliveries of earlier messages have no trace.
    private static let maximumCount = 256

    private let entries = Mutex<Deque<Entry>>([])

    func add(_ trace: TraceParent, of chat: ChatID, at position: Position) {
        entries.withLock { entries in
            if entries.count == Self.maximumCount {
                entries.removeFirst()
            }
            entries.append(Entry(chat: chat, position: position, trace: trace))
        }
    }

    /// Returns the trace of the last entry in a part of a chat's log that has one.
    func trace(of chat: ChatID, after start: Position, upTo end: Position) -> TraceParent? {
        entries.withLock { entries in
            entries.last { $0.chat == chat && $0.position > start && $0.position <= end }?.trace
        }
    }
}
