package import ChatDomain
import Executors
package import PostgresClient

/// The connections to a PostgreSQL database.
///
/// Each opens when it is first needed. Reads, writes, searches and readiness checks have separate connections and never
/// wait for one another's.
package struct PostgresDatabase: Sendable {
    /// The connections for all reads other than searches and readiness checks.
    package let pool: PostgresPool
    /// One writer per shard.
    let writers: [PostgresWriter]
    /// The connection for searches.
    let searcher: PostgresPool
    /// The connection for readiness checks and reads of migrations.
    let prober: PostgresPool
    let searchLimits: SearchLimits
    /// For connections outside the pools.
    let configuration: PostgresConfiguration
    /// Timestamps new entries.
    let clock: ChatClock
    /// For connections that use LISTEN and NOTIFY.
    let listenConfiguration: PostgresConfiguration
    /// How long a migration waits for a table before it lets others pass and retries.
    let migrationLockTimeout: Duration

    /// Prepares the connections without opening any.
    ///
    /// - Parameters:
    ///   - clock: Timestamps entries, and is compared with the server's clock.
    ///   - listenURL: A URL of the same database through which LISTEN works; nil for the same URL as everything else.
    ///   - poolSize: The maximum number of parallel reads, at least 1.
    ///   - shards: The number of shards, each of which runs one batch of writes at a time; at least 1.
    ///   - leaseTimeout: How long a request waits for a connection.
    ///   - maximumLifetime: The age, less up to a tenth, at which a connection is replaced.
    ///   - migrationLockTimeout: How long a migration waits for a table before it lets others pass and retries.
    ///   - renewsEpoch: Whether sessions renew the epoch when they find another history.
    package init(
        _ configuration: PostgresConfiguration,
        clock: ChatClock = ChatClock(),
        listenURL: PostgresURL? = nil,
        poolSize: Int,
        shards: Int = 2,
        searchLimits: SearchLimits = SearchLimits(),
        leaseTimeout: Duration = .seconds(5),
        maximumLifetime: Duration = .seconds(1_800),
        migrationLockTimeout: Duration = .seconds(1),
        renewsEpoch: Bool = true
    ) {
        self.migrationLockTimeout = migrationLockTimeout
        self.configuration = configuration
        self.clock = clock
        var listenConfiguration = configuration
        listenConfiguration.url = listenURL ?? configuration.url
        self.listenConfiguration = listenConfiguration
        var configuration = configuration
        // Our own transactions hold a chat's lock for a few milliseconds; only other programs hold it for long.
        configuration.lockTimeout = .seconds(1)
        // Opening a session on a busy server may take longer than the search timeout allows.
        let timeout = Int64(configuration.statementTimeout / .milliseconds(1))
        if renewsEpoch {
            configuration.opening = [
                PostgresStatement("SET LOCAL statement_timeout = \(timeout)"), Self.noticeNewHistory,
            ]
        }
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
        writers = (0..<shards).map { _ in
            let executor = ThreadExecutor()
            return PostgresWriter(executor: executor, pool: makePool(of: 1, configuration, on: executor))
        }
        prober = makePool(of: 1, configuration)
        configuration.statementTimeout = searchLimits.timeout
        searcher = makePool(of: 1, configuration)
        self.searchLimits = searchLimits
    }

    /// The oldest major version that the statements work with.
    private static let minimumVersion = 14

    /// What the connections of each pool do; those for readiness checks are left out.
    var load: DatabaseLoad {
        var load = DatabaseLoad()
        let pools = [("read", [pool]), ("write", writers.map(\.pool)), ("search", [searcher])]
        load.pools = pools.map { name, pools in
            let loads = pools.map(\.load)
            return DatabaseLoad.PoolLoad(
                name: name,
                inUse: loads.reduce(0) { $0 + $1.inUse },
                waiting: loads.reduce(0) { $0 + $1.waiting },
                size: loads.reduce(0) { $0 + $1.size }
            )
        }
        return load
    }

    /// Returns if the server is reachable and preserves what it commits.
    ///
    /// - Throws: `StoreError.failed` if it is too old, or if its settings could lose acknowledged messages in a crash or
    ///   cannot represent all characters.
    package func requireDurability() async throws(StoreError) {
        let names = ["synchronous_commit", "fsync", "server_encoding"]
        let version = "server_version_num"
        let select = PostgresStatement(
            "SELECT " + (names + [version]).map { "current_setting('\($0)') AS \($0)" }.joined(separator: ", ")
        )
        let settings: [String: String]
        do {
            settings = try await pool.withConnection { connection throws(PostgresError) in
                var settings: [String: String] = [:]
                // Use two round trips: a pooler in statement mode accepts a transaction of one round trip, but breaks
                // longer ones.
                let isPooled = connection.isPooled
                do throws(PostgresError) {
                    try connection.begin([select]) { _, result throws(PostgresError) in
                        for name in names + [version] {
                            settings[name] = try result.text(result.column(name), row: 0)
                        }
                    }
                } catch {
                    guard isPooled, case .connectionLost(let reason) = error else { throw error }
                    throw .connectionLost(reason: "\(reason) (a pooler must be in session or in transaction mode)")
                }
                try connection.commit()
                if connection.isDistributed, try connection.hasNodeWithoutSync() { settings["fsync"] = "off on a node" }
                return settings
            }
        } catch {
            throw StoreError(error).ofRead
        }
        guard let number = settings[version].flatMap(Int.init), number >= Self.minimumVersion * 10_000 else {
            throw .failed(
                reason:
                    "PostgreSQL is too old (\(settings[version] ?? "?")): run version \(Self.minimumVersion) or later"
            )
        }
        guard ["on", "remote_apply"].contains(settings["synchronous_commit"]), settings["fsync"] == "on",
            settings["server_encoding"] == "UTF8"
        else {
            let values = names.map { "\($0)=\(settings[$0] ?? "")" }.joined(separator: ", ")
            throw .failed(reason: "PostgreSQL could lose acknowledged writes: \(values)")
        }
    }

    /// Checks whether notifications can arrive: behind a pooler that shares sessions, they are lost.
    package func canListen() async throws(StoreError) -> Bool {
        do {
            return try await !listenConfiguration.sharesSessions()
        } catch {
            throw StoreError(error).ofRead
        }
    }

    /// Returns if the server accepts writes.
    func requireWritable() async throws(PostgresError) {
        try await prober.withConnection { connection throws(PostgresError) in try connection.requireWritable() }
    }

    /// Returns if this machine's clock and the server's agree.
    ///
    /// Several servers timestamp a chat's entries, and each entry must be no earlier than the previous one.
    ///
    /// - Throws: `StoreError.unavailable` if the clocks differ by more than `ChatClock.maximumLeap`.
    func requireClock() async throws(StoreError) {
        let lead: Duration
        do {
            lead = try await prober.withConnection { connection throws(PostgresError) in
                let before = clock.now()
                let result = try connection.query("SELECT clock_timestamp()")
                let after = clock.now()
                let server = try result.instant(0, row: 0)
                // The server read its clock at some moment between the two.
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

    /// Closes connections as they become free; later requests fail.
    package func close() async {
        for pool in [pool, searcher, prober] + writers.map(\.pool) {
            await pool.shutDown()
        }
    }
}

private func abs(_ duration: Duration) -> Duration {
    duration < .zero ? .zero - duration : duration
}
