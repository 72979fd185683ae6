import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// How often a transaction that lost against another one is tried.
    private static let maximumAttempts = 3

    /// Runs statements that may change something.
    func write<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws(StoreError) -> Result {
        do {
            return try await pool.withConnection(body)
        } catch {
            throw StoreError(error)
        }
    }

    /// Runs a transaction, and runs it again where the server rolled it back for the sake of another one.
    func retryingConflicts<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws(StoreError) -> Result {
        var attempt = 1
        while true {
            do throws(PostgresError) {
                return try await pool.withConnection(body)
            } catch .server(let state, _) where state.isConflict && attempt < Self.maximumAttempts {
                attempt += 1
            } catch {
                throw StoreError(error)
            }
        }
    }

    /// Runs statements that change nothing, and so have no unknown outcome.
    func read<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws(StoreError) -> Result {
        do throws(StoreError) {
            return try await write(body)
        } catch .outcomeUnknown(let reason) {
            throw .unavailable(reason: reason)
        }
    }
}

extension SQLState {
    /// Whether the transaction would go well if it were run again.
    fileprivate var isConflict: Bool {
        self == .deadlockDetected || self == .serializationFailure
    }
}
