import Caching
package import ChatDomain
package import NIOCore
import Synchronization

/// Encoded chats with their latest messages, each valid while the log of the chat ends where it did.
///
/// The cache never decides that a body is still valid: each read asks the store for the end of the log.
package final class LatestMessagesCache: Sendable {
    /// Identifies a response: equal keys get the same bytes from the same state of a log.
    package struct Key: Hashable, Sendable {
        /// The caller who sees the response.
        package let viewer: Caller
        /// The chat and the number of messages.
        package let query: LatestMessagesQuery

        package init(viewer: Caller, query: LatestMessagesQuery) {
            self.viewer = viewer
            self.query = query
        }
    }

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

    private let entries: Mutex<GenerationalCache<Key, Entry>>

    /// - Parameter maximumBytes: The memory for all entries together; 0 turns the cache off.
    package init(maximumBytes: Int) {
        entries = Mutex(GenerationalCache(maximumCost: maximumBytes))
    }

    /// Returns an entry, possibly outdated, and keeps it for longer; nil if there is none.
    package func entry(for key: Key) -> Entry? {
        entries.withLock { $0.value(for: key) }
    }

    /// Adds or replaces an entry; ignores one larger than half of the cache.
    package func insert(_ entry: Entry, for key: Key) {
        entries.withLock { $0.insert(entry, for: key, cost: entry.size) }
    }
}
