/// The target of a migration command, as written on the command line.
package enum MigrationTarget: Equatable, Sendable {
    /// The newest migration in this program.
    case head
    /// Before the first migration.
    case base
    /// A number of steps up, or down if negative; never 0.
    case relative(Int)
    case revision(String)

    /// Parses `head`, `base`, `+2`, `-1`, or a revision such as `0001`.
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
