import Glibc

/// Interrupts connections' waits, from any thread and permanently: each wait ends as if it had timed out.
package final class Interruption: Sendable {
    /// Readable once interrupted; open as long as this object lives.
    let descriptor: Int32
    private let otherEnd: Int32

    /// Traps if no socket can be opened, for example because the process has no file descriptors left.
    package init() {
        var ends: [Int32] = [-1, -1]
        let status = socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends)
        precondition(status == 0, "no socket can be opened: \(errno)")
        (descriptor, otherEnd) = (ends[0], ends[1])
    }

    deinit {
        close(descriptor)
        close(otherEnd)
    }

    /// May be called more than once; it cannot be undone.
    package func interrupt() {
        shutdown(otherEnd, Int32(SHUT_WR))
    }
}
