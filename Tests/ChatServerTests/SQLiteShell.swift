import ChatSQLite
import GRDB

/// Runs SQL on the database file that a server in this folder keeps by default.
func runSQLite(_ folder: String, _ sql: String) throws {
    let database = try SQLiteDatabase(SQLiteConfiguration(location: .file(folder + "/chat.db")))
    try database.writer.writeWithoutTransaction { try $0.execute(sql: sql) }
    try database.close()
}
