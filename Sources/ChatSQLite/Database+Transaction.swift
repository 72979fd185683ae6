import GRDB

extension Database {
    /// Runs `body` in a transaction that commits when it returns and rolls back when it throws.
    ///
    /// IMMEDIATE takes the write lock before anything is read, so that no other process can decide on the same state.
    func inImmediateTransaction<Result>(_ body: () throws -> Result) throws -> Result {
        try beginTransaction(.immediate)
        do {
            let result = try body()
            try commit()
            return result
        } catch {
            // SQLite may have rolled back already, for example because the disk is full.
            if isInsideTransaction {
                try? rollback()
            }
            throw error
        }
    }
}
