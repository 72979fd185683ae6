package import ChatMigrations
import GRDB

extension SQLiteDatabase: MigrationDatabase {
    package var kind: DatabaseKind { .sqlite }

    package func withExclusiveTransaction<Result: Sendable>(
        _ body: @Sendable @escaping (any MigrationTransaction) throws -> Result
    ) async throws -> Result {
        try await writer.writeWithoutTransaction { database in
            try database.inImmediateTransaction {
                try database.execute(sql: VersionTable.create)
                return try body(SQLiteMigrationTransaction(database: database))
            }
        }
    }

    package func appliedMigrations() async throws -> [AppliedMigration] {
        try await writer.read { database in
            try database.tableExists(VersionTable.name) ? database.fetchAppliedMigrations() : []
        }
    }
}

private struct SQLiteMigrationTransaction: MigrationTransaction {
    let database: Database

    func appliedMigrations() throws -> [AppliedMigration] {
        try database.fetchAppliedMigrations()
    }

    func execute(_ script: String) throws {
        try database.execute(sql: script)
    }
}

extension Database {
    fileprivate func fetchAppliedMigrations() throws -> [AppliedMigration] {
        try Row.fetchAll(self, sql: VersionTable.select).map { row in
            AppliedMigration(revision: row[0], checksum: row[1])
        }
    }
}
