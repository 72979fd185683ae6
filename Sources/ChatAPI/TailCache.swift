package import ChatDomain
package import NIOCore
import Synchronization

/// The answers to reads of chats, kept as the bytes that were sent and good for as long as the chat's log ends where it
/// did.
///
/// It never decides by itself that an answer is still good: the store is asked for the log's end at each read.
///
/// Two generations: what is used moves into the younger one, and when that is full, the older one is forgotten.
package final class TailCache: Sendable {
    package struct Entry: Sendable {
        /// Where the log ended when the answer was made.
        package let end: LogEnd
        package let body: ByteBuffer

        package init(end: LogEnd, body: ByteBuffer) {
            self.end = end
            self.body = body
        }

        /// In bytes of memory, with about what the entry takes beside its body.
        fileprivate var size: Int {
            body.capacity + 256
        }
    }

    private struct Generations {
        var young: [LogTail: Entry] = [:]
        var old: [LogTail: Entry] = [:]
        var youngBytes = 0
    }

    private let generations = Mutex(Generations())
    private let maximumBytes: Int

    /// - Parameter maximumBytes: What all entries together may take; 0 keeps nothing.
    package init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    package func entry(for tail: LogTail) -> Entry? {
        generations.withLock { generations in
            if let entry = generations.young[tail] { return entry }
            guard let entry = generations.old.removeValue(forKey: tail) else { return nil }
            insert(entry, for: tail, into: &generations)
            return entry
        }
    }

    package func insert(_ entry: Entry, for tail: LogTail) {
        generations.withLock { insert(entry, for: tail, into: &$0) }
    }

    private func insert(_ entry: Entry, for tail: LogTail, into generations: inout Generations) {
        guard entry.size <= maximumBytes / 2 else { return }
        if let replaced = generations.young.removeValue(forKey: tail) {
            generations.youngBytes -= replaced.size
        }
        if generations.youngBytes + entry.size > maximumBytes / 2 {
            generations.old = generations.young
            generations.young = [:]
            generations.youngBytes = 0
        }
        generations.young[tail] = entry
        generations.youngBytes += entry.size
    }
}
