package import ChatDomain

/// Where a reader stands in a log and what it gets next: every entry once, in order, whatever arrives how.
///
/// What a reader lacks comes from the ring of the chat if it is there, and else from the store.
package struct FollowState {
    private enum Phase: Equatable {
        /// It reads what was before it came.
        ///
        /// - Parameter floor: What is being read reaches at least to here, so that the ring need not go back further; nil if
        ///   nothing is being read.
        case replaying(floor: Position?)
        case live
    }

    package enum Step {
        case send(LiveEvent)
        /// Everything is sent that was there when it came.
        case caughtUp
        /// What comes behind its position must be read from the store.
        case read(after: Position)
        case wait
    }

    /// The last entry that was sent.
    package private(set) var position: Position
    /// When it happened, where that is known.
    package private(set) var instant: Instant?
    private var phase = Phase.replaying(floor: nil)

    package init(after position: Position, _ instant: Instant? = nil) {
        self.position = position
        self.instant = instant
    }

    package var isLive: Bool {
        phase == .live
    }

    /// Whether the ring has gone on without it.
    package func isOverrun(by ring: LogRing) -> Bool {
        isLive && position < ring.base
    }

    /// What is to be done now.
    ///
    /// - Precondition: It is not overrun.
    package mutating func next(_ ring: LogRing) -> Step {
        switch phase {
        case .live:
            return ring.event(after: position).map { .send($0) } ?? .wait
        case .replaying(floor: .some):
            return .wait
        case .replaying(floor: nil):
            if position < ring.base {
                phase = .replaying(floor: ring.end)
                return .read(after: position)
            }
            if let event = ring.event(after: position) { return .send(event) }
            phase = .live
            return .caughtUp
        }
    }

    /// What was to be read has come, or has failed to.
    package mutating func finishReading() {
        if !isLive {
            phase = .replaying(floor: nil)
        }
    }

    /// Moves on by an event.
    ///
    /// - Returns: Whether it is the one that comes next, and so to be sent.
    package mutating func advance(to event: LiveEvent) -> Bool {
        guard let next = event.position, next.rawValue == position.rawValue + 1 else { return false }
        position = next
        instant = event.instant
        return true
    }

    /// From where on the ring must be kept for it.
    package var floor: Position {
        if case .replaying(floor: let floor?) = phase { floor } else { position }
    }
}
