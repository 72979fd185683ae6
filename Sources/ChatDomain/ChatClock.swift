import Synchronization

/// The clock that dates entries: the machine's, unless that leaps ahead.
package final class ChatClock: Sendable {
    /// How far the clock may leap, and how far it may be from a database's.
    package let maximumLeap: Duration
    private let state: Mutex<(clock: PlausibleClock, hasLeapt: Bool)>
    private let wall: @Sendable () -> Instant
    private let count: @Sendable () -> PlausibleClock.Count
    private let onLeap: @Sendable (Duration) -> Void

    /// - Parameters:
    ///   - wall: The clock that people read.
    ///   - count: One that nobody sets.
    ///   - onLeap: Told by how much the clock has leapt when that begins.
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

    package func now() -> Instant {
        let (instant, newLead) = state.withLock { state -> (Instant, Duration?) in
            // Under the lock, so that a reading is never held against a later one.
            let reading = state.clock.read(wall: wall(), count: count())
            let isNew = reading.lead > .zero && !state.hasLeapt
            state.hasLeapt = reading.lead > .zero
            return (reading.instant, isNew ? reading.lead : nil)
        }
        if let newLead { onLeap(newLead) }
        return instant
    }
}
