package import ChatMigrations
import PostgresClient

extension PostgresDatabase: MigrationDatabase {
    package var kind: DatabaseKind { .postgresql }

    package func withExclusiveTransaction<Result: Sendable>(
        _ body: @Sendable @escaping (any MigrationTransaction) throws -> Result
    ) async throws -> Result {
        // A connection of its own: a migration takes as long as it takes, and so does waiting for another one.
        var configuration = configuration
        configuration.statementTimeout = .seconds(24 * 60 * 60)
        let connection = PostgresConnection(configuration)
        let result = await connection.runMigration(body)
        await connection.close()
        return try result.get()
    }

    package func appliedMigrations() async throws -> [AppliedMigration] {
        try await pool.withConnection { connection throws(PostgresError) in
            do throws(PostgresError) {
                return try connection.fetchAppliedMigrations()
            } catch .server(.undefinedTable, _) {
                return []
            }
        }
    }
}

extension PostgresConnection {
    /// Whoever takes this lock in a transaction is alone with the schema until its end.
    ///
    /// The number is the service's name in ASCII, so that it meets no other program's.
    private static let migrationLock: Int64 = 0x6368_6174_2D61_7069

    /// Without a timeout that would end them, the statements of a killed process would go on waiting for locks, and
    /// others behind them.
    ///
    /// A server on a system that cannot tell goes without.
    private static let noticeVanishedClient = PostgresStatement(
        """
        DO $$ BEGIN
            PERFORM set_config('client_connection_check_interval', '1s', true);
        EXCEPTION WHEN invalid_parameter_value THEN
        END $$
        """
    )

    fileprivate func runMigration<Success: Sendable>(
        _ body: @Sendable (any MigrationTransaction) throws -> Success
    ) -> Result<Success, any Error> {
        Result {
            try open()
            try begin([
                Self.noticeVanishedClient, PostgresStatement("SELECT pg_advisory_xact_lock(\(Self.migrationLock))"),
            ])
            try execute(VersionTable.create)
            let success = try assumeIsolated { connection in
                try body(PostgresMigrationTransaction(connection: connection))
            }
            try commit()
            return success
        }
    }

    fileprivate func fetchAppliedMigrations() throws(PostgresError) -> [AppliedMigration] {
        let result = try query(VersionTable.select)
        var migrations: [AppliedMigration] = []
        for row in 0..<result.rowCount {
            migrations.append(
                AppliedMigration(revision: try result.text(0, row: row), checksum: try result.text(1, row: row))
            )
        }
        return migrations
    }
}

/// Used on the connection's own thread, inside the closure that it is given to.
private struct PostgresMigrationTransaction: MigrationTransaction {
    let connection: PostgresConnection

    func appliedMigrations() throws -> [AppliedMigration] {
        try connection.assumeIsolated { try $0.fetchAppliedMigrations() }
    }

    func execute(_ script: String) throws {
        try connection.assumeIsolated { try $0.execute(script) }
    }
}
