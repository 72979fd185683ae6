package import ChatDomain
import DequeModule

/// The newest events of a chat, kept for as long as a reader lacks one of them.
package struct LogRing {
    /// Behind it the events begin; every reader who stands before it lacks something that is not here.
    package private(set) var base: Position
    private var events: Deque<LiveEvent> = []
    /// What the events take of memory, in bytes.
    package private(set) var size = 0
    /// When the last entry happened, at `end`, where that is known; no later entry is older.
    package private(set) var lastInstant: Instant?

    package enum Appended {
        case added
        /// It was here before.
        case known
        /// Some that come before it are not here.
        case gap
        /// The log has gone backward: what happened after its last entry stands before the end.
        case rewritten
    }

    /// - Parameters:
    ///   - end: Where the log ends, as far as is known.
    ///   - lastInstant: When it came to that.
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

    /// The event behind a position; nil if there is none yet.
    ///
    /// - Precondition: `position` is not before `base`.
    package func event(after position: Position) -> LiveEvent? {
        let index = Int(position.rawValue - base.rawValue)
        precondition(index >= 0, "the ring has no longer what comes after \(position.rawValue)")
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

    /// Forgets the events up to a position.
    package mutating func trim(to position: Position) {
        while base < position, let event = events.popFirst() {
            base = Position(rawValue: base.rawValue + 1)
            size -= event.size
        }
    }

    /// Forgets the oldest events until the others are within bounds.
    ///
    /// - Returns: Whether there were any to forget.
    @discardableResult
    package mutating func trim(toCount maximumCount: Int, size maximumSize: Int) -> Bool {
        let base = self.base
        while events.count > maximumCount || size > maximumSize {
            trim(to: Position(rawValue: self.base.rawValue + 1))
        }
        return self.base > base
    }
}
