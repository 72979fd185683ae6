import Glibc

/// Waits for events on a socket.
///
/// It does not own the descriptor.
struct PollSocket {
    private let descriptor: Int32
    private let interruptions: [Interruption?]

    init(_ descriptor: Int32, interruptions: [Interruption?]) {
        self.descriptor = descriptor
        self.interruptions = interruptions
    }

    /// Whether reading would return at once, with bytes, the end of the stream or an error.
    var isReadable: Bool {
        wait(for: POLLIN, until: .now)
    }

    /// Blocks until one of the events occurs or the connection ends; false at the deadline or on interruption.
    func wait(for events: Int32, until deadline: ContinuousClock.Instant) -> Bool {
        // `poll` ignores negative descriptors.
        var entries = [pollfd(fd: descriptor, events: Int16(events), revents: 0)]
        for interruption in interruptions {
            entries.append(pollfd(fd: interruption?.descriptor ?? -1, events: Int16(POLLIN), revents: 0))
        }
        while true {
            let remaining = max(.zero, ContinuousClock.now.duration(to: deadline))
            // Round up, so that the loop does not spin through the last millisecond.
            let milliseconds = Int32(clamping: remaining.milliseconds + 1)
            let status = poll(&entries, nfds_t(entries.count), remaining == .zero ? 0 : milliseconds)
            if status > 0 { return entries.dropFirst().allSatisfy { $0.revents == 0 } }
            if status == 0, remaining == .zero { return false }
            if status < 0, errno != EINTR { return true }
        }
    }
}
