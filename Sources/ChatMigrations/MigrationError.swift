/// Why the schema cannot be migrated or used.
///
/// Each description is one line for a person, naming what is in the way.
package enum MigrationError: Error, Equatable, CustomStringConvertible {
    /// The database has a migration that this program does not know: it was made by a newer one.
    case databaseIsNewer(revision: String)
    /// A migration that was applied is not the one that this program has under that revision.
    case migrationWasEdited(revision: String)
    /// The migrations that were applied are not the first ones of the program's list.
    case migrationIsMissing(revision: String)
    case unknownRevision(String)
    /// The target lies on the other side of where the schema is: an upgrade cannot go down, nor a downgrade up.
    case wrongDirection(target: String, current: String)
    /// A relative target counts past the first or the last migration.
    case tooManySteps(Int, available: Int)
    /// The schema is behind what this program needs.
    case databaseIsBehind(current: String, head: String)
    /// The version table names a revision, or is to, whose columns, constraints and indexes are not all there.
    case schemaDiffers(revision: String, missing: [String])
    /// The schema is already that of a later revision than the one to be stamped.
    case schemaIsLater(revision: String, actual: String)
    /// A script found data that it cannot take over.
    case refused(reason: String)

    package var description: String {
        switch self {
        case .databaseIsNewer(let revision):
            "the database has migration \(revision), which this chat-api does not know: run a newer chat-api"
        case .migrationWasEdited(let revision):
            "migration \(revision) was edited after it had been applied to this database (its checksum differs)"
        case .migrationIsMissing(let revision):
            "migration \(revision) was not applied to this database, but later ones were"
        case .unknownRevision(let revision):
            "there is no migration '\(revision)' (see: chat-api migrate history)"
        case .wrongDirection(let target, let current):
            "the schema is at \(current): \(target) lies in the other direction"
        case .tooManySteps(let steps, let available):
            "cannot go \(steps > 0 ? "+" : "")\(steps): there are only \(available) in that direction"
        case .databaseIsBehind(let current, let head):
            "the schema is at \(current), this chat-api needs \(head): run chat-api migrate upgrade"
        case .schemaDiffers(let revision, let missing):
            "the schema is not that of \(revision): it lacks \(missing.prefix(2).joined(separator: "; "))"
                + (missing.count > 2 ? " and \(missing.count - 2) more" : "")
        case .schemaIsLater(let revision, let actual):
            "the schema is that of \(actual), not of \(revision): chat-api migrate stamp \(actual) records it"
        case .refused(let reason):
            reason
        }
    }
}
