/// A database whose schema a `MigrationRunner` can read and change.
package protocol MigrationDatabase: Sendable {
    var kind: DatabaseKind { get }

    /// Runs `body` in a transaction that no other migration of this database overlaps, in any process.
    ///
    /// The transaction commits when `body` returns and rolls back when it throws. It creates the version table if that
    /// is missing. While other sessions lock the tables, `body` is rolled back and retried, so that no session queues
    /// behind it for long.
    ///
    /// - Parameter onWait: Called once, before the first retry.
    func withExclusiveTransaction<Result: Sendable>(
        onWait: @Sendable () -> Void,
        _ body: @Sendable @escaping (any MigrationTransaction) throws -> Result
    ) async throws -> Result

    /// Runs `body`, which only reads.
    func read<Result: Sendable>(
        _ body: @Sendable @escaping (any MigrationCatalog) throws -> Result
    ) async throws -> Result
}

/// Read access to the version table and to the description of a database's schema.
package protocol MigrationCatalog {
    /// The version table's rows, ordered by revision; empty if the table does not exist.
    func appliedMigrations() throws -> [AppliedMigration]

    /// A line for each column, constraint and index of these tables, in the format of `Migration.Scripts.schema`.
    func schemaObjects(of tables: Set<String>) throws -> Set<String>
}

/// The open transaction of a `MigrationDatabase`.
package protocol MigrationTransaction: MigrationCatalog {
    /// Runs a script of one or more statements.
    func execute(_ script: String) throws
}
