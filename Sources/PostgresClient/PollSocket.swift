import Glibc

/// A socket to wait for.
///
/// It does not own the descriptor.
struct PollSocket {
    private let descriptor: Int32

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Whether reading would return at once, be it with bytes, the end or an error.
    var isReadable: Bool {
        wait(for: POLLIN, until: .now)
    }

    /// Blocks until one of the events, or the end of the connection; false when the time is over.
    func wait(for events: Int32, until deadline: ContinuousClock.Instant) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        while true {
            let remaining = max(.zero, ContinuousClock.now.duration(to: deadline))
            // Rounded up, so that it does not spin through the last millisecond.
            let milliseconds = Int32(clamping: remaining.milliseconds + 1)
            let status = poll(&entry, 1, remaining == .zero ? 0 : milliseconds)
            if status > 0 { return true }
            if status == 0, remaining == .zero { return false }
            if status < 0, errno != EINTR { return true }
        }
    }
}
