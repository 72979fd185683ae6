import GRDB

extension Database {
    /// Runs `body` in a transaction that commits when it returns and leaves no trace when it throws.
    ///
    /// IMMEDIATE takes the lock before anything is read, so that another process cannot decide on the same state.
    func inImmediateTransaction<Result>(_ body: () throws -> Result) throws -> Result {
        try beginTransaction(.immediate)
        do {
            let result = try body()
            try commit()
            return result
        } catch {
            // SQLite has rolled back by itself where the disk was full.
            if isInsideTransaction {
                try? rollback()
            }
            throw error
        }
    }
}
