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
        self.configuration = configuration
        var configuration = configuration
        // Our own transactions hold a chat for some milliseconds; whoever holds it for long is somebody else.
        configuration.lockTimeout = .seconds(1)
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
                var settings: [String] = []
                let select = PostgresStatement(
                    """
                    SELECT current_setting('synchronous_commit'), current_setting('fsync'),
                        current_setting('server_encoding')
                    """
                )
                try connection.transact([select]) { _, result throws(PostgresError) in
                    settings = [try result.text(0, row: 0), try result.text(1, row: 0), try result.text(2, row: 0)]
                }
                return settings
            }
        } catch {
            throw StoreError(error)
        }
        guard ["on", "remote_apply"].contains(settings[0]), settings[1...] == ["on", "UTF8"] else {
            throw .failed(
                reason: """
                    PostgreSQL would lose what it acknowledges: synchronous_commit=\(settings[0]), fsync=\(settings[1]), \
                    server_encoding=\(settings[2])
                    """
            )
        }
    }

    /// Returns when the server can be written to.
    func requireWritable() async throws(PostgresError) {
        try await pool.withConnection { connection throws(PostgresError) in try connection.requireWritable() }
    }

    /// Closes the connections as they become free; what comes later is refused.
    package func close() async {
        await pool.shutDown()
    }
}
