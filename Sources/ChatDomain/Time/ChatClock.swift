import Synchronization

/// The clock that timestamps entries: the system's wall clock, protected against forward jumps.
package final class ChatClock: Sendable {
    /// How far the wall clock may jump ahead before the jump is ignored, and how far it may differ from the database's
    /// clock.
    package let maximumLeap: Duration
    private let state: Mutex<(clock: PlausibleClock, hasLeapt: Bool)>
    private let wall: @Sendable () -> Instant
    private let count: @Sendable () -> PlausibleClock.Count
    private let onLeap: @Sendable (Duration) -> Void

    /// - Parameters:
    ///   - wall: The wall clock, which may be set at any time.
    ///   - count: A monotonic clock.
    ///   - onLeap: Called with the size of the jump when a jump is first ignored, and not again until the wall clock
    ///     has been plausible.
    package init(
        maximumLeap: Duration = .seconds(60),
        wall: @escaping @Sendable () -> Instant = { .now() },
        count: @escaping @Sendable () -> PlausibleClock.Count = { .now },
        onLeap: @escaping @Sendable (Duration) -> Void = { _ in }
    ) {
        self.maximumLeap = maximumLeap
        self.wall = wall
        self.count = count
        self.onLeap = onLeap
        state = Mutex((clock: PlausibleClock(maximumLeap: maximumLeap, wall: wall(), count: count()), hasLeapt: false))
    }

    /// Returns the current time, or the extrapolated time while a jump is being ignored.
    ///
    /// It may run backward, because a wall clock that is set back is followed at once. Safe to call from any thread.
    package func now() -> Instant {
        let (instant, newLead) = state.withLock { state -> (Instant, Duration?) in
            // Read both clocks under the lock, so that readings are compared in order.
            let reading = state.clock.read(wall: wall(), count: count())
            let isNew = reading.lead > .zero && !state.hasLeapt
            state.hasLeapt = reading.lead > .zero
            return (reading.instant, isNew ? reading.lead : nil)
        }
        if let newLead { onLeap(newLead) }
        return instant
    }
}
