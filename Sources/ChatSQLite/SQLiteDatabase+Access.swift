import ChatDomain
import GRDB

extension SQLiteDatabase {
    /// Runs `body` in a transaction on the connection that writes.
    func write<Result: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        // Behind a lock of another process each write would wait its own time, one after the other.
        let deadline = ContinuousClock.now + busyTimeout + .seconds(1)
        do {
            return try await writer.writeWithoutTransaction { [checkpointer] database in
                guard ContinuousClock.now <= deadline else {
                    throw StoreError.unavailable(reason: "SQLite: other writes took too long")
                }
                let result = try database.inImmediateTransaction { try body(database) }
                checkpointer?.noticeWrites(of: database)
                return result
            }
        } catch {
            throw StoreError(error)
        }
    }

    /// Runs `body` in one snapshot.
    func read<Result: Sendable>(
        _ body: @Sendable @escaping (Database) throws -> Result
    ) async throws(StoreError) -> Result {
        do {
            return try await writer.read(body)
        } catch {
            throw StoreError(error)
        }
    }
}
