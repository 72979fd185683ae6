import ChatDomain
import GRDB
import GRDBSQLite

extension SQLiteDatabase {
    /// Runs `body` in a transaction on the writing connection.
    func write<Result: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        do {
            return try await writer.writeWithoutTransaction { try transact(on: $0, body) }
        } catch {
            throw StoreError(error)
        }
    }

    /// Carries out a batch of writes in one transaction, and blocks until it is on disk.
    func record(_ requests: [WriteRequest]) throws(StoreError) -> RecordedBatch {
        do {
            let batch = try writer.writeWithoutTransaction { database in
                try transact(on: database) { try $0.record(requests, at: clock.now()) }
            }
            if batch.erasesText {
                checkpointer?.noticeErasure()
            }
            return batch
        } catch {
            throw StoreError(error)
        }
    }

    /// Reads the latest messages of several chats in one snapshot, and blocks meanwhile.
    func fetch(_ reads: [LatestMessagesRead]) throws(StoreError) -> [Result<LatestMessages?, StoreError>] {
        do {
            return try writer.unsafeRead { try $0.inSnapshot { try $0.fetch(reads) } }
        } catch {
            throw StoreError(error).ofRead
        }
    }

    private func transact<Result>(on database: Database, _ body: (Database) throws -> Result) throws -> Result {
        let result = try database.inImmediateTransaction { try body(database) }
        checkpointer?.noticeWrites(of: database)
        return result
    }

    /// Runs `body` in one snapshot; never throws `StoreError.outcomeUnknown`.
    func read<Result: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        do {
            return try await writer.unsafeRead { try $0.inSnapshot(body) }
        } catch {
            throw StoreError(error).ofRead
        }
    }

    /// Runs a search in one snapshot, on the search connection.
    ///
    /// In an in-memory database, where everything shares one connection, other requests wait for it.
    func search<Result: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        do {
            return try await searcher.unsafeRead { [searchLimits] database in
                try database.inSnapshot { database in
                    try database.withDeadline(.now + searchLimits.timeout) { try body(database) }
                }
            }
        } catch let error as DatabaseError where error.resultCode == .SQLITE_INTERRUPT {
            throw .searchTimedOut
        } catch {
            throw StoreError(error).ofRead
        }
    }
}

extension Database {
    /// Interrupts statements of `body` that still run at the deadline; they fail with `SQLITE_INTERRUPT`.
    fileprivate func withDeadline<Result>(
        _ deadline: ContinuousClock.Instant,
        _ body: () throws -> Result
    ) rethrows -> Result {
        // A check every few tenths of a millisecond.
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
