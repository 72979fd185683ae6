/// What the runner needs of a database.
package protocol MigrationDatabase: Sendable {
    var kind: DatabaseKind { get }

    /// Runs `body` in a transaction that no other migration of this database, in any process, overlaps.
    ///
    /// The transaction commits when `body` returns and leaves no trace when it throws. It creates the version table where
    /// that is missing. While other sessions keep the tables locked, `body` is rolled back and run again, so that nobody
    /// queues behind it for long.
    ///
    /// - Parameter onWait: Called once if it has to be run again.
    func withExclusiveTransaction<Result: Sendable>(
        onWait: @Sendable () -> Void,
        _ body: @Sendable @escaping (any MigrationTransaction) throws -> Result
    ) async throws -> Result

    /// Runs `body`, which changes nothing.
    func read<Result: Sendable>(
        _ body: @Sendable @escaping (any MigrationCatalog) throws -> Result
    ) async throws -> Result
}

/// What a database says of its schema.
package protocol MigrationCatalog {
    /// The version table's rows in the order of their revisions; none where there is no such table.
    func appliedMigrations() throws -> [AppliedMigration]

    /// A line for each column, constraint and index of these tables, as in `Migration.Scripts.schema`.
    func schemaObjects(of tables: Set<String>) throws -> Set<String>
}

/// The open transaction of a `MigrationDatabase`.
package protocol MigrationTransaction: MigrationCatalog {
    /// Runs a script of any number of statements.
    func execute(_ script: String) throws
}
