import ChatDomain
import PostgresClient

extension PostgresDatabase {
    /// The maximum number of attempts at a transaction that conflicts with others.
    private static let maximumAttempts = 3

    /// Runs a transaction on a shard's connection, and retries it if it loses a conflict with another one.
    func write<Result: Sendable>(
        shard: Int = 0,
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws(StoreError) -> Result {
        try await write(on: writers[shard].pool, body)
    }

    /// Runs a transaction for webhooks: on a connection for reads, so that posts never wait for deliveries.
    func deliver<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws(StoreError) -> Result {
        try await write(on: pool, body)
    }

    private func write<Result: Sendable>(
        on pool: PostgresPool,
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

    /// Runs read-only statements; never throws `StoreError.outcomeUnknown`.
    func read<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws(StoreError) -> Result {
        do {
            return try await pool.withConnection(body)
        } catch {
            throw StoreError(error).ofRead
        }
    }

    /// Runs a search on the search connection, with the search timeout.
    func search<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws(StoreError) -> Result {
        do throws(PostgresError) {
            return try await searcher.withConnection(body)
        } catch .server(.queryCanceled, _) {
            throw .searchTimedOut
        } catch {
            throw StoreError(error).ofRead
        }
    }
}

extension SQLState {
    /// Whether the transaction can succeed if it is retried.
    fileprivate var isConflict: Bool {
        self == .deadlockDetected || self == .serializationFailure
    }
}
