import ChatDomain
import Dispatch
import Glibc
import Logging
import Synchronization

/// Writes log lines to standard error, in order, on its own dispatch queue.
///
/// Lines logged during a write are written together by the next one. If the log's reader is slow or stuck and the
/// backlog is full, lines are dropped and the server carries on; once there is room, a line says how many were dropped.
final class LogWriter: Sendable {
    /// How many bytes may wait to be written.
    static let maximumBacklog = 1 << 20

    private struct State {
        var backlog: [UInt8] = []
        var isWriting = false
        /// Since the last line that said so.
        var droppedCount = 0
        /// Since the process started.
        var totalDroppedCount = 0
        /// The total written so far, by which `flush` detects progress.
        var writtenBytes = 0
    }

    let format: LogFormat

    private let queue = DispatchQueue(label: "chat-api.log")
    private let state = Mutex(State())

    init(format: LogFormat) {
        self.format = format
    }

    /// Lines dropped since the process started.
    var droppedCount: Int {
        state.withLock(\.totalDroppedCount)
    }

    func write(_ line: [UInt8]) {
        let begins = state.withLock { state in
            guard state.backlog.count + line.count <= Self.maximumBacklog else {
                state.droppedCount += 1
                state.totalDroppedCount += 1
                return false
            }
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
            lines.withUnsafeBytes(writeAll)
        }
    }

    /// Takes the whole backlog; nil if it is empty, which ends the writing.
    private func takeBacklog() -> [UInt8]? {
        let (lines, droppedCount) = state.withLock { state in
            if state.backlog.isEmpty {
                state.isWriting = false
                return ([UInt8](), 0)
            }
            defer {
                state.backlog = []
                state.droppedCount = 0
            }
            return (state.backlog, state.droppedCount)
        }
        if lines.isEmpty { return nil }
        return droppedCount == 0 ? lines : lines + report(of: droppedCount)
    }

    private func report(of droppedCount: Int) -> [UInt8] {
        let fields: Logger.Metadata = ["count": .stringConvertible(droppedCount)]
        return format.line(at: .now(), .warning, "Log lines were dropped", fields) + [UInt8(ascii: "\n")]
    }

    /// Waits until everything logged so far is written, or until the log's reader has accepted nothing for five seconds.
    func flush() {
        let written = DispatchSemaphore(value: 0)
        queue.async { written.signal() }
        var writtenBytes: Int
        repeat {
            writtenBytes = state.withLock { $0.writtenBytes }
            if written.wait(timeout: .now() + 5) == .success { return }
        } while state.withLock { $0.writtenBytes } != writtenBytes
    }

    /// Writes all bytes; drops them if standard error cannot be written, since that must not stop the server.
    private func writeAll(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            // Small pieces: a blocking write reports its progress only when it returns.
            let count = Glibc.write(STDERR_FILENO, rest.baseAddress, min(rest.count, 1 << 14))
            if count > 0 {
                state.withLock { $0.writtenBytes += count }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            } else if errno == EAGAIN {
                // Another process made the pipe non-blocking.
                var descriptor = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
                _ = poll(&descriptor, 1, -1)
            } else if errno != EINTR {
                return
            }
        }
    }
}
