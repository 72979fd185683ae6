/// A row of the database's version table.
package struct AppliedMigration: Equatable, Sendable {
    /// The migration's revision, such as `0001`.
    package let revision: String
    /// The `Migration.Scripts.checksum` of the revision when it was applied or stamped.
    package let checksum: String

    package init(revision: String, checksum: String) {
        self.revision = revision
        self.checksum = checksum
    }
}
