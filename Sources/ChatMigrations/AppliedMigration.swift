/// A migration as the database's version table has it.
package struct AppliedMigration: Equatable, Sendable {
    package let revision: String
    /// `Migration.Scripts.checksum` of the scripts that were run, or would have been where the revision was stamped.
    package let checksum: String

    package init(revision: String, checksum: String) {
        self.revision = revision
        self.checksum = checksum
    }
}
