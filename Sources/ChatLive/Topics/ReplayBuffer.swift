package import ChatDomain
import DequeModule

/// The newest events of a topic, kept for as long as a subscription is missing one of them.
package struct ReplayBuffer {
    /// The events start after it; a subscription before it is missing something that the buffer does not hold.
    package private(set) var base: Position
    private var events: Deque<LiveEvent> = []
    /// In bytes of memory.
    package private(set) var size = 0
    /// When the last entry, the one at `end`, happened, if it is known; no later entry is older.
    package private(set) var lastInstant: Instant?

    package enum Appended {
        case added
        /// The buffer had it before.
        case known
        /// Entries before it are missing.
        case gap
        /// The log has gone backward: an entry at or before the end is newer than the last one.
        case rewritten
    }

    /// - Parameters:
    ///   - end: Where the log ends, as far as is known.
    ///   - lastInstant: When its last entry happened.
    package init(end: Position, lastInstant: Instant? = nil) {
        base = end
        self.lastInstant = lastInstant
    }

    package var end: Position {
        Position(rawValue: base.rawValue + Int64(events.count))
    }

    package var count: Int {
        events.count
    }

    /// The event after a position; nil if there is none yet.
    ///
    /// - Precondition: `position` is not before `base`.
    package func event(after position: Position) -> LiveEvent? {
        let index = Int(position.rawValue - base.rawValue)
        precondition(index >= 0, "the buffer no longer holds what comes after \(position.rawValue)")
        return index < events.count ? events[index] : nil
    }

    package mutating func append(_ event: LiveEvent, at position: Position) -> Appended {
        guard position > end else {
            return lastInstant.map { event.instant > $0 } == true ? .rewritten : .known
        }
        guard position.rawValue == end.rawValue + 1 else { return .gap }
        events.append(event)
        lastInstant = event.instant
        size += event.size
        return .added
    }

    /// Drops the events up to a position.
    package mutating func trim(to position: Position) {
        while base < position, let event = events.popFirst() {
            base = Position(rawValue: base.rawValue + 1)
            size -= event.size
        }
    }

    /// Drops the oldest events until the others are within limits.
    ///
    /// - Returns: Whether any were dropped.
    @discardableResult
    package mutating func trim(toCount maximumCount: Int, size maximumSize: Int) -> Bool {
        let base = self.base
        while events.count > maximumCount || size > maximumSize {
            trim(to: Position(rawValue: self.base.rawValue + 1))
        }
        return self.base > base
    }
}
