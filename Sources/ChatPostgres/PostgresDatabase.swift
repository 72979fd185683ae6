package import ChatDomain
import Executors
package import PostgresClient

/// The connections to a PostgreSQL database.
///
/// Each is opened when it is first needed. What reads, writes, searches or checks waits for no connection of the others.
package struct PostgresDatabase: Sendable {
    /// The connections of reads.
    package let pool: PostgresPool
    /// The lanes of writes.
    let writers: [PostgresWriter]
    /// The connection of searches.
    let searcher: PostgresPool
    /// The connection of readiness checks.
    let prober: PostgresPool
    let searchLimits: SearchLimits
    /// For connections beside the pool's.
    let configuration: PostgresConfiguration
    /// Dates what is written.
    let clock: ChatClock
    /// For connections that listen.
    let listenConfiguration: PostgresConfiguration
    /// How long a migration waits for a table before it lets others pass and tries again.
    let migrationLockTimeout: Duration

    /// - Parameters:
    ///   - clock: What dates entries, and is held against the server's.
    ///   - listenURL: A way to the same database by which LISTEN works; nil for that of everything else.
    ///   - poolSize: The most connections that read at once, at least 1.
    ///   - lanes: How many batches of each kind run side by side, at least 1.
    ///   - leaseTimeout: How long a read waits for a connection.
    ///   - maximumLifetime: The age, less up to a tenth, at which a connection is replaced.
    ///   - migrationLockTimeout: How long a migration waits for a table before it lets others pass and tries again.
    package init(
        _ configuration: PostgresConfiguration,
        clock: ChatClock = ChatClock(),
        listenURL: PostgresURL? = nil,
        poolSize: Int,
        lanes: Int = 2,
        searchLimits: SearchLimits = SearchLimits(),
        leaseTimeout: Duration = .seconds(5),
        maximumLifetime: Duration = .seconds(1_800),
        migrationLockTimeout: Duration = .seconds(1)
    ) {
        self.migrationLockTimeout = migrationLockTimeout
        self.configuration = configuration
        self.clock = clock
        var listenConfiguration = configuration
        listenConfiguration.url = listenURL ?? configuration.url
        self.listenConfiguration = listenConfiguration
        var configuration = configuration
        // Our own transactions hold a chat for some milliseconds; whoever holds it for long is somebody else.
        configuration.lockTimeout = .seconds(1)
        // A search may take less time than opening a session on a busy server.
        let timeout = Int64(configuration.statementTimeout / .milliseconds(1))
        configuration.opening = [PostgresStatement("SET LOCAL statement_timeout = \(timeout)"), Self.noticeNewHistory]
        func makePool(
            of size: Int,
            _ configuration: PostgresConfiguration,
            on executor: ThreadExecutor? = nil
        ) -> PostgresPool {
            PostgresPool(
                configuration,
                size: size,
                leaseTimeout: leaseTimeout,
                maximumLifetime: maximumLifetime,
                executor: executor
            )
        }
        pool = makePool(of: poolSize, configuration)
        writers = (0..<lanes).map { _ in
            let executor = ThreadExecutor()
            return PostgresWriter(executor: executor, pool: makePool(of: 1, configuration, on: executor))
        }
        prober = makePool(of: 1, configuration)
        configuration.statementTimeout = searchLimits.timeout
        searcher = makePool(of: 1, configuration)
        self.searchLimits = searchLimits
    }

    /// Returns when the server answers and keeps what it commits.
    ///
    /// - Throws: `StoreError.failed` where its settings would lose acknowledged messages in a crash, or characters at once.
    package func requireDurability() async throws(StoreError) {
        let names = ["synchronous_commit", "fsync", "server_encoding"]
        let select = PostgresStatement(
            "SELECT " + names.map { "current_setting('\($0)') AS \($0)" }.joined(separator: ", ")
        )
        let settings: [String: String]
        do {
            settings = try await pool.withConnection { connection throws(PostgresError) in
                var settings: [String: String] = [:]
                // In two round trips: a pooler in statement mode lets transactions of one pass, and breaks longer ones.
                let isPooled = connection.isPooled
                do throws(PostgresError) {
                    try connection.begin([select]) { _, result throws(PostgresError) in
                        for name in names {
                            settings[name] = try result.text(result.column(name), row: 0)
                        }
                    }
                } catch {
                    guard isPooled, case .connectionLost(let reason) = error else { throw error }
                    throw .connectionLost(reason: "\(reason) (a pooler must be in session or in transaction mode)")
                }
                try connection.commit()
                return settings
            }
        } catch {
            throw StoreError(error).ofRead
        }
        guard ["on", "remote_apply"].contains(settings["synchronous_commit"]), settings["fsync"] == "on",
            settings["server_encoding"] == "UTF8"
        else {
            let values = names.map { "\($0)=\(settings[$0] ?? "")" }.joined(separator: ", ")
            throw .failed(reason: "PostgreSQL would lose what it acknowledges: \(values)")
        }
    }

    /// Whether notifications arrive: they get lost behind a pooler that shares sessions.
    package func canListen() async throws(StoreError) -> Bool {
        do {
            return try await !listenConfiguration.sharesSessions()
        } catch {
            throw StoreError(error).ofRead
        }
    }

    /// Returns when the server can be written to.
    func requireWritable() async throws(PostgresError) {
        try await prober.withConnection { connection throws(PostgresError) in try connection.requireWritable() }
    }

    /// Returns when this machine's clock and the server's agree: several servers date entries, and each is held to those of
    /// the others.
    ///
    /// - Throws: `StoreError.unavailable` where they are further apart than the clock may leap.
    func requireClock() async throws(StoreError) {
        let lead: Duration
        do {
            lead = try await prober.withConnection { connection throws(PostgresError) in
                let before = clock.now()
                let result = try connection.query("SELECT clock_timestamp()")
                let after = clock.now()
                let server = try result.instant(0, row: 0)
                // The server's answer is from a moment between the two.
                if server < before { return server.duration(to: before) }
                return after < server ? .zero - after.duration(to: server) : .zero
            }
        } catch {
            throw StoreError(error).ofRead
        }
        guard abs(lead) <= clock.maximumLeap else {
            let direction = lead > .zero ? "ahead of" : "behind"
            throw .unavailable(
                reason:
                    "this machine's clock is \(abs(lead).components.seconds) s \(direction) PostgreSQL's: set it right"
            )
        }
    }

    /// Closes the connections as they become free; what comes later is refused.
    package func close() async {
        for pool in [pool, searcher, prober] + writers.map(\.pool) {
            await pool.shutDown()
        }
    }
}

private func abs(_ duration: Duration) -> Duration {
    duration < .zero ? .zero - duration : duration
}
