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
        // Our own transactions hold a chat for some milliseconds; whoever holds it for long is somebody else.
        configuration.setup += "SET lock_timeout = '1s';"
        pool = PostgresPool(
            configuration,
            size: poolSize,
            leaseTimeout: leaseTimeout,
            maximumLifetime: maximumLifetime
        )
    }

    /// Returns when the server answers and keeps what it commits.
    ///
    /// - Throws: `StoreError.failed` where its settings would lose acknowledged messages in a crash, or characters at once.
    package func requireDurability() async throws(StoreError) {
        let settings: [String]
        do {
            settings = try await pool.withConnection { connection throws(PostgresError) in
                let result = try connection.query(
                    """
                    SELECT current_setting('synchronous_commit'), current_setting('fsync'),
                        current_setting('server_encoding')
                    """
                )
                return [try result.text(0, row: 0), try result.text(1, row: 0), try result.text(2, row: 0)]
            }
        } catch {
            throw StoreError(error)
        }
        guard settings == ["on", "on", "UTF8"] else {
            throw .failed(
                reason: """
                    PostgreSQL would lose what it acknowledges: synchronous_commit=\(settings[0]), fsync=\(settings[1]), \
                    server_encoding=\(settings[2])
                    """
            )
        }
    }

    /// Closes the connections as they become free; what comes later is refused.
    package func close() async {
        await pool.shutDown()
    }
}
