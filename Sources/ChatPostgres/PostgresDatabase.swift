package import ChatDomain
package import PostgresClient

/// The connections to a PostgreSQL database.
package struct PostgresDatabase: Sendable {
    package let pool: PostgresPool
    /// For connections beside the pool's.
    let configuration: PostgresConfiguration

    /// - Parameters:
    ///   - poolSize: The most connections at once, at least 1.
    ///   - leaseTimeout: How long a request waits for a connection.
    ///   - maximumLifetime: The age, less up to a tenth, at which a connection is replaced.
    package init(
        _ configuration: PostgresConfiguration,
        poolSize: Int,
        leaseTimeout: Duration = .seconds(5),
        maximumLifetime: Duration = .seconds(1_800)
    ) {
        var configuration = configuration
        // An acknowledged message must survive a crash of the server, whatever its default.
        configuration.setup += "SET synchronous_commit = on; SET TimeZone = 'UTC';"
        self.configuration = configuration
        pool = PostgresPool(
            configuration,
            size: poolSize,
            leaseTimeout: leaseTimeout,
            maximumLifetime: maximumLifetime
        )
    }

    /// Returns when the server answers and keeps what it commits.
    ///
    /// - Throws: `StoreError.failed` where its settings would lose acknowledged messages in a crash.
    package func requireDurability() async throws(StoreError) {
        let settings: [String]
        do {
            settings = try await pool.withConnection { connection throws(PostgresError) in
                let result = try connection.query(
                    "SELECT current_setting('synchronous_commit'), current_setting('fsync')"
                )
                return [try result.text(0, row: 0), try result.text(1, row: 0)]
            }
        } catch {
            throw StoreError(error)
        }
        guard settings == ["on", "on"] else {
            throw .failed(
                reason:
                    """
                    PostgreSQL may lose what it acknowledges: synchronous_commit=\(settings[0]), fsync=\(settings[1])
                    """
            )
        }
    }

    /// Closes the connections as they become free; what comes later is refused.
    package func close() async {
        await pool.shutDown()
    }
}
