package import ChatDomain

/// Where a subscription stands in a log and what it gets next: every entry once and in order, in whatever order events arrive.
///
/// What it is missing comes from the replay buffer of the topic, or else from the store.
package struct SubscriptionState {
    private enum Phase: Equatable {
        /// It reads what was there before it started.
        ///
        /// - Parameter floor: The page being read reaches at least this position, so that the buffer need not go back
        ///   further; nil if nothing is being read.
        case replaying(floor: Position?)
        case live
    }

    package enum Step {
        case send(LiveEvent)
        /// Everything that was there when it started was sent.
        case caughtUp
        /// What comes after its position must be read from the store.
        case read(after: Position)
        case wait
    }

    /// The last entry that was sent.
    package private(set) var position: Position
    /// When that entry happened, if it is known.
    package private(set) var instant: Instant?
    private var phase = Phase.replaying(floor: nil)

    package init(after position: Position, _ instant: Instant? = nil) {
        self.position = position
        self.instant = instant
    }

    package var isLive: Bool {
        phase == .live
    }

    /// Whether the buffer has dropped what it needs next.
    package func isOverrun(by buffer: ReplayBuffer) -> Bool {
        isLive && position < buffer.base
    }

    /// What is to be done now.
    ///
    /// - Precondition: It is not overrun.
    package mutating func next(_ buffer: ReplayBuffer) -> Step {
        switch phase {
        case .live:
            return buffer.event(after: position).map { .send($0) } ?? .wait
        case .replaying(floor: .some):
            return .wait
        case .replaying(floor: nil):
            if position < buffer.base {
                phase = .replaying(floor: buffer.end)
                return .read(after: position)
            }
            if let event = buffer.event(after: position) { return .send(event) }
            phase = .live
            return .caughtUp
        }
    }

    /// What was to be read is there, or reading it has failed.
    package mutating func finishReading() {
        if !isLive {
            phase = .replaying(floor: nil)
        }
    }

    /// Advances by an event.
    ///
    /// - Returns: Whether it is the next one, and so to be sent.
    package mutating func advance(to event: LiveEvent) -> Bool {
        guard let next = event.position, next.rawValue == position.rawValue + 1 else { return false }
        position = next
        instant = event.instant
        return true
    }

    /// From where on the buffer must be kept for it.
    package var floor: Position {
        if case .replaying(floor: let floor?) = phase { floor } else { position }
    }
}
