package import ChatDomain
package import NIOCore
import Synchronization

/// Responses to reads of chats, kept as the bytes that were sent and valid while the chat's log ends where it did.
///
/// The cache never decides that a response is still valid: each read asks the store where the log ends.
///
/// There are two generations: an entry that is used moves into the younger one, and when that is full, the older one is
/// dropped.
package final class LatestMessagesCache: Sendable {
    package struct Key: Hashable, Sendable {
        /// Whose view of the chat the response is.
        package let viewer: Caller
        package let tail: LogTail

        package init(viewer: Caller, tail: LogTail) {
            self.viewer = viewer
            self.tail = tail
        }
    }

    package struct Entry: Sendable {
        /// Where the log ended when the response was made.
        package let end: LogEnd
        package let body: ByteBuffer

        package init(end: LogEnd, body: ByteBuffer) {
            self.end = end
            self.body = body
        }

        /// In bytes of memory, with an estimate for what is not the body.
        fileprivate var size: Int {
            body.capacity + 256
        }
    }

    private struct Generations {
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]
        var youngBytes = 0
    }

    private let generations = Mutex(Generations())
    private let maximumBytes: Int

    /// - Parameter maximumBytes: The bound for all entries together; 0 turns the cache off.
    package init(maximumBytes: Int) {
        self.maximumBytes = maximumBytes
    }

    package func entry(for key: Key) -> Entry? {
        generations.withLock { generations in
            if let entry = generations.young[key] { return entry }
            guard let entry = generations.old.removeValue(forKey: key) else { return nil }
            insert(entry, for: key, into: &generations)
            return entry
        }
    }

    package func insert(_ entry: Entry, for key: Key) {
        generations.withLock { insert(entry, for: key, into: &$0) }
    }

    private func insert(_ entry: Entry, for key: Key, into generations: inout Generations) {
        guard entry.size <= maximumBytes / 2 else { return }
        if let replaced = generations.young.removeValue(forKey: key) {
            generations.youngBytes -= replaced.size
        }
        if generations.youngBytes + entry.size > maximumBytes / 2 {
            generations.old = generations.young
            generations.young = [:]
            generations.youngBytes = 0
        }
        generations.young[key] = entry
        generations.youngBytes += entry.size
    }
}
