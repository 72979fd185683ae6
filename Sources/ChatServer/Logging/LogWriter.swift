import Dispatch
import Glibc
import NIOCore
import Synchronization

/// Writes the log's lines to standard error from a queue of its own, in their order.
///
/// Whoever reads the log may be slow or stuck: a line that finds too much before it is dropped, and the server goes on.
final class LogWriter: Sendable {
    /// The bytes that may wait to be written.
    static let maximumBacklog = 1 << 20

    private let queue = DispatchQueue(label: "chat-api.log")
    private let backlog = Atomic(0)

    func write(_ line: ByteBuffer) {
        let size = line.readableBytes
        guard backlog.add(size, ordering: .relaxed).newValue <= Self.maximumBacklog else {
            backlog.subtract(size, ordering: .relaxed)
            return
        }
        queue.async {
            line.withUnsafeReadableBytes(Self.writeAll)
            self.backlog.subtract(size, ordering: .relaxed)
        }
    }

    /// Waits until what was logged is written, but no longer than a second.
    func flush() {
        let written = DispatchSemaphore(value: 0)
        queue.async { written.signal() }
        _ = written.wait(timeout: .now() + 1)
    }

    /// A log that cannot be written is no reason to fail.
    private static func writeAll(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
            if count > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            } else if errno != EINTR {
                return
            }
        }
    }
}
