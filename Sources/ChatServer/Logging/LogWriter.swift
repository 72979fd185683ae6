import Dispatch
import Glibc
import NIOCore
import Synchronization

/// Writes the log's lines to standard error from a queue of its own, in their order.
///
/// What is logged while it writes is written together then. Whoever reads the log may be slow or stuck: a line that finds
/// too much before it is dropped, and the server goes on.
final class LogWriter: Sendable {
    /// The bytes that may wait to be written.
    static let maximumBacklog = 1 << 20

    private struct State {
        var backlog = ByteBuffer()
        var isWriting = false
    }

    private let queue = DispatchQueue(label: "chat-api.log")
    private let state = Mutex(State())

    func write(_ line: ByteBuffer) {
        let begins = state.withLock { state in
            guard state.backlog.readableBytes + line.readableBytes <= Self.maximumBacklog else { return false }
            state.backlog.writeImmutableBuffer(line)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if begins {
            queue.async { self.writeBacklog() }
        }
    }

    private func writeBacklog() {
        while let lines = takeBacklog() {
            lines.withUnsafeReadableBytes(Self.writeAll)
        }
    }

    /// All that waits; nil ends the writing.
    private func takeBacklog() -> ByteBuffer? {
        state.withLock { state in
            guard state.backlog.readableBytes > 0 else {
                state.isWriting = false
                return nil
            }
            defer { state.backlog = ByteBuffer() }
            return state.backlog
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
