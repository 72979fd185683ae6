package import ChatDomain

/// The position of a subscription in a log, and its next step: it sends every entry once and in order, in whatever
/// order events arrive.
///
/// Missing entries come from the replay buffer of the topic, or else from the store. A value without I/O.
package struct SubscriptionState {
    private enum Phase: Equatable {
        /// It sends the entries that existed before it started.
        ///
        /// - Parameter floor: A position that the page being read reaches at least, so that the buffer may drop events
        ///   up to it; nil if nothing is being read.
        case replaying(floor: Position?)
        case live
        /// It has sent the entry with which its user left the chat; it sends nothing more.
        case left
    }

    /// What the caller must do next.
    package enum Step {
        case send(LiveEvent)
        /// Everything that existed when it started has been sent; returned once.
        case caughtUp
        /// The entries after the position must be read from the store; then call `finishReading`.
        case read(after: Position)
        /// The user has left the chat, with the last entry sent.
        case left
        case wait
    }

    /// The position of the last entry sent.
    package private(set) var position: Position
    /// When that entry happened, if known.
    package private(set) var instant: Instant?
    private var phase = Phase.replaying(floor: nil)
    /// What permits the subscription.
    package private(set) var permit: SubscriptionPermit
    /// The user was a member at this position, so an earlier entry with which the user left was followed by one with
    /// which the user joined again.
    private var permitPosition: Position
    /// The position of the last entry sent with which any user left.
    private var departure = Position(rawValue: 0)

    /// Starts in replay.
    ///
    /// - Parameters:
    ///   - position: The last entry that the client has.
    ///   - instant: When that entry happened; nil if unknown.
    ///   - permitPosition: The position as of which the permit was checked.
    package init(
        after position: Position,
        _ instant: Instant? = nil,
        permit: SubscriptionPermit = .rights,
        asOf permitPosition: Position = Position(rawValue: 0)
    ) {
        self.position = position
        self.instant = instant
        self.permit = permit
        self.permitPosition = permitPosition
    }

    /// Whether everything that existed at the start has been sent.
    package var isLive: Bool {
        phase == .live
    }

    /// Whether the buffer has dropped the next event; false during replay, which reads from the store instead.
    package func isOverrun(by buffer: ReplayBuffer) -> Bool {
        isLive && position < buffer.base
    }

    /// Returns the next step.
    ///
    /// - Precondition: The state is not overrun.
    package mutating func next(_ buffer: ReplayBuffer) -> Step {
        switch phase {
        case .live:
            return buffer.event(after: position).map { .send($0) } ?? .wait
        case .left:
            return .left
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

    /// Ends a read, whether it succeeded or failed; `next` may then ask for another.
    package mutating func finishReading() {
        if case .replaying = phase {
            phase = .replaying(floor: nil)
        }
    }

    /// Whether the next thing to send may be text of an open message that was posted at a position: the message's entry
    /// and all others of the buffer have been sent, and none that the buffer has not seen.
    package func permitsGrowth(ofMessageAt position: Position, _ buffer: ReplayBuffer) -> Bool {
        isLive && self.position == buffer.end && self.position >= position
    }

    /// Advances by one event.
    ///
    /// - Returns: Whether the event has the next position, so that the caller must send it.
    package mutating func advance(to event: LiveEvent) -> Bool {
        guard let next = event.position, next.rawValue == position.rawValue + 1 else { return false }
        if case .left = phase { return false }
        position = next
        instant = event.instant
        if !event.leavers.isEmpty {
            departure = next
            if endsPermit(event, at: next) {
                phase = .left
            }
        }
        return true
    }

    /// Replaces what permits the subscription.
    ///
    /// - Parameter position: The position as of which the permit was checked.
    /// - Returns: False if the permit may have ended with an entry that was already sent.
    package mutating func renewPermit(_ permit: SubscriptionPermit, asOf position: Position) -> Bool {
        if permit == self.permit { return true }
        if case .membership = permit, departure > position { return false }
        self.permit = permit
        permitPosition = position
        return true
    }

    private func endsPermit(_ event: LiveEvent, at position: Position) -> Bool {
        guard case .membership(let user) = permit, position > permitPosition else { return false }
        return event.leavers.contains(user)
    }

    /// The buffer must keep the events after this position.
    package var floor: Position {
        if case .replaying(floor: let floor?) = phase { floor } else { position }
    }
}
