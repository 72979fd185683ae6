import ChatSQLite
import GRDB

/// Runs SQL on the database file that a server in this folder keeps by default.
func runSQLite(_ folder: String, _ sql: String) throws {
    let database = try SQLiteDatabase(SQLiteConfiguration(location: .file(folder + "/chat.db")))
    try database.writer.writeWithoutTransaction { try $0.execute(sql: sql) }
    try database.close()
}

/// Runs `body` while another process than the server, this one, holds the lock of that file.
func withSQLiteLock(_ folder: String, _ body: () async throws -> Void) async throws {
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let database = try DatabaseQueue(path: folder + "/chat.db", configuration: configuration)
    try await database.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    try await body()
    try await database.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
    try database.close()
}
