import ChatDomain
package import ChatMigrations
import GRDB
import Hashing

extension SQLiteDatabase: MigrationDatabase {
    /// Selects the migrations written for SQLite.
    package var kind: DatabaseKind { .sqlite }

    /// Runs a migration in an IMMEDIATE transaction.
    ///
    /// It never calls `onWait`: readers do not wait for a writer, and waiting for another writer ends with the busy
    /// timeout, without a second attempt.
    package func withExclusiveTransaction<Result: Sendable>(
        onWait: @Sendable () -> Void,
        _ body: @Sendable @escaping (any MigrationTransaction) throws -> Result
    ) async throws -> Result {
        try await writer.writeWithoutTransaction { database in
            try database.inImmediateTransaction {
                try database.execute(sql: VersionTable.create)
                return try body(SQLiteMigrationTransaction(database: database))
            }
        }
    }

    /// Uses the connection for readiness checks, so it waits for no other request.
    package func read<Result: Sendable>(
        _ body: @Sendable @escaping (any MigrationCatalog) throws -> Result
    ) async throws -> Result {
        try await prober.unsafeRead { try $0.inSnapshot { try body(SQLiteMigrationTransaction(database: $0)) } }
    }
}

struct SQLiteMigrationTransaction: MigrationTransaction {
    let database: Database

    func appliedMigrations() throws -> [AppliedMigration] {
        // GRDB's `tableExists` caches that a table is missing, even after another connection has created it.
        let exists = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        guard try Bool.fetchOne(database, sql: exists, arguments: [VersionTable.name]) == true else { return [] }
        return try Row.fetchAll(database, sql: VersionTable.select).map { row in
            AppliedMigration(revision: row["revision"], checksum: row["checksum"])
        }
    }

    /// Returns a line with a hash of the SQL for each table and index: SQLite keeps the statement that created it.
    func schemaObjects(of tables: Set<String>) throws -> Set<String> {
        let rows = try Row.fetchAll(
            database,
            sql: "SELECT tbl_name, type, name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql NOT NULL"
        )
        var objects: Set<String> = []
        for row in rows {
            let (table, type, name): (String, String, String) = (row["tbl_name"], row["type"], row["name"])
            let sql: String = row["sql"]
            guard tables.contains(table) else { continue }
            var hash = StableHash()
            for word in sql.split(whereSeparator: \.isWhitespace) {
                hash.combine(String(word) + " ")
            }
            objects.insert("\(table): \(type) \(name) as \(hash.digits)")
        }
        return objects
    }

    func execute(_ script: String) throws {
        try database.execute(sql: script)
    }
}
