import Dispatch
import Glibc
import Synchronization

/// Writes the log's lines to standard error from a queue of its own, in their order.
///
/// What is logged while it writes is written together then. Whoever reads the log may be slow or stuck: a line that finds
/// too much before it is dropped, and the server goes on.
final class LogWriter: Sendable {
    /// The bytes that may wait to be written.
    static let maximumBacklog = 1 << 20

    private struct State {
        var backlog: [UInt8] = []
        var isWriting = false
    }

    private let queue = DispatchQueue(label: "chat-api.log")
    private let state = Mutex(State())

    func write(_ line: [UInt8]) {
        let begins = state.withLock { state in
            guard state.backlog.count + line.count <= Self.maximumBacklog else { return false }
            state.backlog += line
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if begins {
            queue.async { self.writeBacklog() }
        }
    }

    private func writeBacklog() {
        while let lines = takeBacklog() {
            lines.withUnsafeBytes(Self.writeAll)
        }
    }

    /// All that waits; nil ends the writing.
    private func takeBacklog() -> [UInt8]? {
        state.withLock { state in
            guard !state.backlog.isEmpty else {
                state.isWriting = false
                return nil
            }
            defer { state.backlog = [] }
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
