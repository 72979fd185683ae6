/// Where a migration command is to take the schema, in the words of its command line.
package enum MigrationTarget: Equatable, Sendable {
    /// Everything that this program knows.
    case head
    /// No migration at all.
    case base
    /// So many steps up, or down where negative; never 0.
    case relative(Int)
    case revision(String)

    /// `head`, `base`, `+2`, `-1`, or a revision such as `0001`.
    package init?(_ text: String) {
        switch text {
        case "": return nil
        case "head": self = .head
        case "base": self = .base
        default:
            guard text.first == "+" || text.first == "-" else {
                self = .revision(text)
                return
            }
            guard let steps = Int(text), steps != 0 else { return nil }
            self = .relative(steps)
        }
    }
}
