import ChatMigrations
import ChatSQLite
import GRDB

/// Runs SQL on the default database file of a server in this folder.
func runSQLite(_ folder: String, _ sql: String) throws {
    let database = try SQLiteDatabase(SQLiteConfiguration(location: .file(folder + "/chat.db")))
    try database.writer.writeWithoutTransaction { try $0.execute(sql: sql) }
    try database.close()
}

/// Creates the default database of a server in this folder, with the current schema.
func makeDatabase(in folder: String) async throws {
    let database = try SQLiteDatabase(SQLiteConfiguration(location: .file(folder + "/chat.db")))
    try await MigrationRunner(database).migrate(.up, to: .head)
    try database.close()
}

/// Runs `body` while this process, not the server, holds the lock of that file.
func withSQLiteLock(_ folder: String, _ body: () async throws -> Void) async throws {
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let database = try DatabaseQueue(path: folder + "/chat.db", configuration: configuration)
    try await database.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    try await body()
    try await database.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
    try database.close()
}
