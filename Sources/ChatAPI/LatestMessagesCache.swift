import Caching
package import ChatDomain
package import NIOCore
import Synchronization

/// Encoded chats with their latest messages, each valid while the log of the chat ends where it did.
///
/// The cache never decides that a body is still valid: each read asks the store for the end of the log. All readers of
/// a chat share its entries, because they see the same messages.
package final class LatestMessagesCache: Sendable {
    /// A response with the state of the log it belongs to.
    package struct Entry: Sendable {
        /// The end of the log when the response was encoded; the condition of the next read.
        package let end: LogEnd
        /// The JSON exactly as it was sent.
        package let body: ByteBuffer

        package init(end: LogEnd, body: ByteBuffer) {
            self.end = end
            self.body = body
        }

        /// Memory in bytes, with an estimate for everything but the body.
        fileprivate var size: Int {
            body.capacity + 256
        }
    }

    private let entries: Mutex<GenerationalCache<LatestMessagesQuery, Entry>>

    /// - Parameter maximumBytes: The memory for all entries together; 0 turns the cache off.
    package init(maximumBytes: Int) {
        entries = Mutex(GenerationalCache(maximumCost: maximumBytes))
    }

    /// Returns an entry, possibly outdated, and keeps it for longer; nil if there is none.
    package func entry(for query: LatestMessagesQuery) -> Entry? {
        entries.withLock { $0.value(for: query) }
    }

    /// Adds or replaces an entry; ignores one larger than half of the cache.
    package func insert(_ entry: Entry, for query: LatestMessagesQuery) {
        entries.withLock { $0.insert(entry, for: query, cost: entry.size) }
    }
}
