package import ChatMigrations
import PostgresClient

extension PostgresDatabase: MigrationDatabase {
    /// Selects the migrations written for PostgreSQL.
    package var kind: DatabaseKind { .postgresql }

    /// Runs a migration under an advisory lock, and retries as long as other transactions hold the tables it needs.
    ///
    /// - Parameter onWait: Called once, before the first retry.
    package func withExclusiveTransaction<Result: Sendable>(
        onWait: @Sendable () -> Void,
        _ body: @Sendable @escaping (any MigrationTransaction) throws -> Result
    ) async throws -> Result {
        // Use a separate connection: a migration, or waiting for another one, takes an unpredictable time.
        var configuration = configuration
        configuration.statementTimeout = .seconds(24 * 60 * 60)
        var hasWaited = false
        while true {
            let connection = PostgresConnection(configuration)
            let result = await connection.runMigration(lockTimeout: migrationLockTimeout, body)
            await connection.close()
            do {
                return try result.get()
            } catch PostgresError.server(.lockNotAvailable, _) {
                if !hasWaited { onWait() }
                hasWaited = true
                // Give requests that queued behind the attempt more time than it took.
                try await Task.sleep(for: migrationLockTimeout * 2)
            }
        }
    }

    /// Uses the connection for readiness checks, so it waits for no other request.
    package func read<Result: Sendable>(
        _ body: @Sendable @escaping (any MigrationCatalog) throws -> Result
    ) async throws -> Result {
        try await prober.withConnection { connection throws(PostgresError) in
            Swift.Result { try body(PostgresMigrationTransaction(connection: connection)) }
        }.get()
    }
}

extension PostgresConnection {
    /// The advisory lock that gives a transaction exclusive access to the schema until it ends.
    ///
    /// The number is the service's name in ASCII, so that it does not collide with other programs' locks.
    private static let migrationLock: Int64 = 0x6368_6174_2D61_7069

    /// Lets the server notice within a second that this client has vanished.
    ///
    /// Migrations have a statement timeout of a day, so the statements of a killed process would otherwise keep waiting
    /// for locks and block others.
    ///
    /// Servers on platforms without this check do without it.
    private static let noticeVanishedClient = PostgresStatement(
        """
        DO $$ BEGIN
            PERFORM set_config('client_connection_check_interval', '1s', true);
        EXCEPTION WHEN invalid_parameter_value THEN
        END $$
        """
    )

    /// - Parameter lockTimeout: How long to wait for a table, while others queue behind the migration.
    fileprivate func runMigration<Success: Sendable>(
        lockTimeout: Duration,
        _ body: @Sendable (any MigrationTransaction) throws -> Success
    ) -> Result<Success, any Error> {
        Result {
            try open()
            try begin([
                Self.noticeVanishedClient,
                PostgresStatement("SET LOCAL lock_timeout = 0"),
                PostgresStatement("SELECT pg_advisory_xact_lock(\(Self.migrationLock))"),
                PostgresStatement("SET LOCAL lock_timeout = \(Int64(lockTimeout / .milliseconds(1)))"),
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
        let result: PostgresResult
        do throws(PostgresError) {
            result = try query(VersionTable.select)
        } catch .server(.undefinedTable, _) {
            return []
        }
        let revision = try result.column("revision")
        let checksum = try result.column("checksum")
        var migrations: [AppliedMigration] = []
        for row in 0..<result.rowCount {
            migrations.append(
                AppliedMigration(
                    revision: try result.text(revision, row: row),
                    checksum: try result.text(checksum, row: row)
                )
            )
        }
        return migrations
    }

    /// Describes the tables' columns, constraints and indexes.
    ///
    /// Under the same settings, every supported version of PostgreSQL prints the catalog's expressions alike. Names of
    /// constraints and indexes are left out.
    fileprivate func fetchSchemaObjects(of tables: Set<String>) throws(PostgresError) -> Set<String> {
        let statements = [
            PostgresStatement(
                """
                SELECT
                    set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),
                    set_config('IntervalStyle', 'postgres', true), set_config('quote_all_identifiers', 'off', true)
                """
            ),
            PostgresStatement(
                """
                SELECT relname || ': ' || object
                FROM pg_class
                CROSS JOIN LATERAL (
                    SELECT concat_ws(
                        ' ', attname, format_type(atttypid, atttypmod),
                        CASE WHEN attnotnull THEN 'not null' END,
                        CASE attidentity WHEN 'd' THEN 'identity' WHEN 'a' THEN 'identity always' END,
                        CASE WHEN attgenerated <> '' THEN 'generated' WHEN atthasdef THEN 'default' END,
                        pg_get_expr(adbin, adrelid)
                    )
                    FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
                    WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
                    UNION ALL
                    SELECT pg_get_constraintdef(pg_constraint.oid)
                    FROM pg_constraint
                    WHERE conrelid = pg_class.oid AND contype IN ('c', 'f', 'p')
                    UNION ALL
                    SELECT regexp_replace(pg_get_indexdef(indexrelid), '^CREATE (.*INDEX).* USING ', E'\\\\1 ')
                    FROM pg_index
                    WHERE indrelid = pg_class.oid AND indisvalid AND NOT indisprimary
                ) AS objects (object)
                WHERE relname = ANY ($1::text[]) AND relkind = 'r' AND pg_table_is_visible(pg_class.oid)
                """,
                [.textArray(Array(tables))]
            ),
        ]
        var objects: Set<String> = []
        func receive(_ index: Int, _ result: borrowing PostgresResult) throws(PostgresError) {
            for row in 0..<(index == 1 ? result.rowCount : 0) {
                objects.insert(try result.text(0, row: row))
            }
        }
        if isIdle {
            try readSnapshot(statements, receive: receive)
        } else {
            try continueTransaction(statements, receive: receive)
        }
        return objects
    }
}

/// Must be used on the connection's own thread, inside the closure that receives it.
private struct PostgresMigrationTransaction: MigrationTransaction {
    let connection: PostgresConnection

    func appliedMigrations() throws -> [AppliedMigration] {
        try connection.assumeIsolated { try $0.fetchAppliedMigrations() }
    }

    func schemaObjects(of tables: Set<String>) throws -> Set<String> {
        try connection.assumeIsolated { try $0.fetchSchemaObjects(of: tables) }
    }

    func execute(_ script: String) throws {
        do {
            try connection.assumeIsolated { try $0.execute(script) }
        } catch PostgresError.server(.raisedException, let message) {
            throw MigrationError.refused(reason: message)
        }
    }
}
