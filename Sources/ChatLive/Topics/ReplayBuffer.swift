package import ChatDomain
import DequeModule

/// The latest events of a topic, kept while a subscription still needs one of them.
package struct ReplayBuffer {
    /// The position before the first event; the buffer lacks events for a subscription at an earlier position.
    package private(set) var base: Position
    private var events: Deque<LiveEvent> = []
    /// Estimated memory of the events, in bytes.
    package private(set) var size = 0
    /// When the entry at `end` happened, if known; no later entry is older.
    package private(set) var lastInstant: Instant?

    /// The result of `append`.
    package enum Appended {
        case added
        /// At or before the end, and not newer than the last entry: ignored.
        case known
        /// Entries before it are missing: ignored, and the caller reads them from the store.
        case gap
        /// The log has gone backward: an entry at or before the end is newer than the last one.
        case rewritten
    }

    /// Starts without events.
    ///
    /// - Parameters:
    ///   - end: The end of the log, as far as known.
    ///   - lastInstant: When the entry at `end` happened.
    package init(end: Position, lastInstant: Instant? = nil) {
        base = end
        self.lastInstant = lastInstant
    }

    /// The position of the last event; `base` if there is none.
    package var end: Position {
        Position(rawValue: base.rawValue + Int64(events.count))
    }

    /// Events in the buffer.
    package var count: Int {
        events.count
    }

    /// Returns the event after a position; nil if there is none yet.
    ///
    /// - Precondition: `position` is not before `base`.
    package func event(after position: Position) -> LiveEvent? {
        let index = Int(position.rawValue - base.rawValue)
        precondition(index >= 0, "the buffer no longer holds what comes after \(position.rawValue)")
        return index < events.count ? events[index] : nil
    }

    /// Adds the event if it has the next position; otherwise only reports how it relates to the buffer.
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

    /// Drops the events up to and including a position.
    package mutating func trim(to position: Position) {
        while base < position, let event = events.popFirst() {
            base = Position(rawValue: base.rawValue + 1)
            size -= event.size
        }
    }

    /// Drops the oldest events until the rest is within both limits.
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
