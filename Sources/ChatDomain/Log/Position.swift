/// A place in a chat's log, `seq` on the wire: 1, 2, 3 … without a hole, in the order of the commits.
package struct Position: RawRepresentable, Hashable, Comparable, Sendable {
    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    package static func < (lhs: Position, rhs: Position) -> Bool {
        lhs.rawValue < rhs.rawValue
    }
}
