import Glibc

/// A socket to wait for.
///
/// It does not own the descriptor.
struct PollSocket {
    private let descriptor: Int32
    private let interruptions: [Interruption?]

    init(_ descriptor: Int32, interruptions: [Interruption?]) {
        self.descriptor = descriptor
        self.interruptions = interruptions
    }

    /// Whether reading would return at once, be it with bytes, the end or an error.
    var isReadable: Bool {
        wait(for: POLLIN, until: .now)
    }

    /// Blocks until one of the events, or the end of the connection; false when the time is over or it is interrupted.
    func wait(for events: Int32, until deadline: ContinuousClock.Instant) -> Bool {
        // The system passes over a descriptor below 0.
        var entries = [pollfd(fd: descriptor, events: Int16(events), revents: 0)]
        for interruption in interruptions {
            entries.append(pollfd(fd: interruption?.descriptor ?? -1, events: Int16(POLLIN), revents: 0))
        }
        while true {
            let remaining = max(.zero, ContinuousClock.now.duration(to: deadline))
            // Rounded up, so that it does not spin through the last millisecond.
            let milliseconds = Int32(clamping: remaining.milliseconds + 1)
            let status = poll(&entries, nfds_t(entries.count), remaining == .zero ? 0 : milliseconds)
            if status > 0 { return entries.dropFirst().allSatisfy { $0.revents == 0 } }
            if status == 0, remaining == .zero { return false }
            if status < 0, errno != EINTR { return true }
        }
    }
}
