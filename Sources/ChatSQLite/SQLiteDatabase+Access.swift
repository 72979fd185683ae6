import ChatDomain
import GRDB
import GRDBSQLite

extension SQLiteDatabase {
    /// Runs `body` in a transaction on the connection that writes.
    func write<Result: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        do {
            return try await writer.writeWithoutTransaction { [checkpointer] database in
                let result = try database.inImmediateTransaction { try body(database) }
                checkpointer?.noticeWrites(of: database)
                return result
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// Runs `body` in one snapshot; it never fails with `StoreError.outcomeUnknown`.
    func read<Result: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        do {
            return try await writer.read(body)
        } catch {
            throw StoreError(error).ofRead
        }
    }

    /// Runs a search in one snapshot, on the connection of the searches.
    ///
    /// A database in memory has one connection for everything, on which others wait for it.
    func search<Result: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        do {
            return try await searcher.read { [searchLimits] database in
                try database.withDeadline(.now + searchLimits.timeout) { try body(database) }
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_INTERRUPT {
            throw .searchTimedOut
        } catch {
            throw StoreError(error).ofRead
        }
    }
}

extension Database {
    /// Interrupts the statements of `body` that are still running at the deadline: they fail with `SQLITE_INTERRUPT`.
    fileprivate func withDeadline<Result>(
        _ deadline: ContinuousClock.Instant,
        _ body: () throws -> Result
    ) rethrows -> Result {
        // Some tenths of a millisecond apart.
        let instructionsBetweenLooks: CInt = 1_000
        return try withUnsafePointer(to: deadline) { deadline in
            sqlite3_progress_handler(
                sqliteConnection,
                instructionsBetweenLooks,
                { deadline in
                    let isOver = deadline.map { .now >= $0.load(as: ContinuousClock.Instant.self) } ?? true
                    return isOver ? 1 : 0
                },
                UnsafeMutableRawPointer(mutating: deadline)
            )
            defer { sqlite3_progress_handler(sqliteConnection, 0, nil, nil) }
            return try body()
        }
    }
}
