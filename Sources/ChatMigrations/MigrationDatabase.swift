/// What the runner needs of a database.
package protocol MigrationDatabase: Sendable {
    var kind: DatabaseKind { get }

    /// Runs `body` in a transaction that no other migration of this database, in any process, overlaps.
    ///
    /// The transaction commits when `body` returns and leaves no trace when it throws. It creates the version table where
    /// that is missing.
    func withExclusiveTransaction<Result: Sendable>(
        _ body: @Sendable @escaping (any MigrationTransaction) throws -> Result
    ) async throws -> Result

    /// The version table's rows in the order of their revisions; none where there is no such table. Writes nothing.
    func appliedMigrations() async throws -> [AppliedMigration]
}

/// The open transaction of a `MigrationDatabase`.
package protocol MigrationTransaction {
    /// The version table's rows in the order of their revisions.
    func appliedMigrations() throws -> [AppliedMigration]

    /// Runs a script of any number of statements.
    func execute(_ script: String) throws
}
