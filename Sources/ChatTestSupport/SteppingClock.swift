package import ChatDomain
import Synchronization

/// A store's clock that stands still until the test sets it.
package final class SteppingClock: Sendable {
    private let start: Instant
    private let seconds = Mutex(0)

    package init(at start: Instant) {
        self.start = start
    }

    /// The clock to pass to a store.
    package var clock: ChatClock {
        let count = ContinuousClock.now
        return ChatClock(
            wall: { self.instant(self.seconds.withLock { $0 }) },
            count: { count }
        )
    }

    /// Sets the clock to so many seconds after its start, up to a minute, or back.
    package func advance(to seconds: Int) {
        self.seconds.withLock { $0 = seconds }
    }

    /// The instant so many seconds after the start.
    package func instant(_ seconds: Int) -> Instant {
        start.advanced(by: .seconds(seconds))
    }
}

extension ChatClock {
    /// A clock that stands still.
    package static func stopped(at instant: Instant) -> ChatClock {
        SteppingClock(at: instant).clock
    }
}
