/// Where a chat's log ends.
package struct LogHead: Equatable, Sendable {
    /// The newest entry's position; 0 for a log without entries.
    package var position: Position
    /// The newest entry's instant; that of the chat's creation for a log without entries.
    package var instant: Instant

    package init(position: Position, instant: Instant) {
        self.position = position
        self.instant = instant
    }

    /// Takes the next position.
    ///
    /// The instant follows the clock but never runs backwards.
    package mutating func advance(at now: Instant) {
        position = Position(rawValue: position.rawValue + 1)
        instant = max(instant, now)
    }
}
