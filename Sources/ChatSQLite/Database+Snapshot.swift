import GRDB

extension Database {
    /// Runs `body` in one snapshot, and writes nothing.
    ///
    /// Use it in `unsafeRead`: `DatabaseQueue.read` passes a null pointer to SQLite if the connection was closed.
    ///
    /// - Throws: `SQLITE_MISUSE` if the connection was closed.
    func inSnapshot<Result>(_ body: (Database) throws -> Result) throws -> Result {
        guard sqliteConnection != nil else {
            throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "the connection is closed")
        }
        var result: Result?
        try readOnly {
            try inTransaction(.deferred) {
                result = try body(self)
                return .commit
            }
        }
        guard let result else { throw DatabaseError(resultCode: .SQLITE_ABORT) }
        return result
    }
}
