/// The reason why the schema cannot be migrated or used.
///
/// Each description is one line for the user.
package enum MigrationError: Error, Equatable, CustomStringConvertible {
    /// A newer program has applied a migration that this one does not contain.
    case databaseIsNewer(revision: String)
    /// An applied migration differs from the one in this program with the same revision.
    case migrationWasEdited(revision: String)
    /// A migration was skipped: later ones have been applied.
    case migrationIsMissing(revision: String)
    case unknownRevision(String)
    /// An upgrade's target is below the current revision, or a downgrade's target is above it.
    case wrongDirection(target: String, current: String)
    /// A relative target goes beyond the first or the last migration.
    case tooManySteps(Int, available: Int)
    /// The schema is older than this program needs.
    case databaseIsBehind(current: String, head: String)
    /// The schema lacks columns, constraints or indexes of the recorded revision, or of the one to be recorded.
    case schemaDiffers(revision: String, missing: [String])
    /// The schema matches a later revision than the recorded one, or than the one to be recorded.
    case schemaIsLater(revision: String, actual: String)
    /// A script found data that the new schema cannot hold.
    case refused(reason: String)

    package var description: String {
        switch self {
        case .databaseIsNewer(let revision):
            "the database is newer than this chat-api, which does not know migration \(revision): run a newer chat-api"
        case .migrationWasEdited(let revision):
            "migration \(revision) was edited after it was applied to this database (its checksum differs)"
        case .migrationIsMissing(let revision):
            "migration \(revision) was not applied to this database, but later ones were"
        case .unknownRevision(let revision):
            "there is no migration '\(revision)' (see: chat-api migrate history)"
        case .wrongDirection(let target, let current):
            "the schema is at \(current): \(target) is in the other direction"
        case .tooManySteps(let steps, let available):
            "cannot go \(steps > 0 ? "+" : "")\(steps): there are only \(available) in that direction"
        case .databaseIsBehind(let current, let head):
            "the schema is at \(current), but this chat-api needs \(head): run chat-api migrate upgrade"
        case .schemaDiffers(let revision, let missing):
            "the schema does not match \(revision): missing \(missing.prefix(2).joined(separator: "; "))"
                + (missing.count > 2 ? " and \(missing.count - 2) more" : "")
        case .schemaIsLater(let revision, let actual):
            "the schema matches \(actual), not \(revision): to record that, run chat-api migrate stamp \(actual)"
        case .refused(let reason):
            reason
        }
    }
}
