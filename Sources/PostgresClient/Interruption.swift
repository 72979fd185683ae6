import Glibc

/// Ends what connections wait for, from any thread and once for all: each wait ends as if its time were over.
package final class Interruption: Sendable {
    /// Readable once it is interrupted, and open for as long as this object lives.
    let descriptor: Int32
    private let otherEnd: Int32

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

    package func interrupt() {
        shutdown(otherEnd, Int32(SHUT_WR))
    }
}
