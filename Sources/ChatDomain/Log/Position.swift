/// A position in a chat's log, `seq` on the wire: 1, 2, 3 … without gaps, in commit order.
package struct Position: RawRepresentable, Hashable, Comparable, Sendable {
    /// 1 for a chat's first entry; 0 stands for the start of the log.
    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// Compares positions of the same chat and epoch; others have no meaningful order.
    package static func < (lhs: Position, rhs: Position) -> Bool {
        lhs.rawValue < rhs.rawValue
    }
}
