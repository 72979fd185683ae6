import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatSQLite
import Glibc
import Logging
import PostgresClient
import ServiceLifecycle

/// The configured database, SQLite or PostgreSQL; nothing else in the program chooses between them.
struct OpenDatabase {
    /// What a command is about to do with the database.
    enum Purpose {
        case use
        /// The same, but a missing SQLite file is created.
        case create
        /// Only look at it: nothing is changed.
        case inspect
    }

    private enum Connection {
        case sqlite(SQLiteDatabase)
        case postgresql(PostgresDatabase)
    }

    private let connection: Connection
    private let capacity: DatabaseCapacity

    /// - Parameters:
    ///   - capacity: How much work the database does concurrently; the default suits commands, which do one thing at a
    ///     time.
    /// - Throws: `SettingError`, or `CommandError` if the database cannot be used.
    init(
        _ url: DatabaseURL,
        _ settings: SettingsReader,
        capacity: DatabaseCapacity = DatabaseCapacity(),
        for purpose: Purpose = .use
    ) async throws {
        self.capacity = capacity
        // Validate the other database's settings too: a mistake should not surface only when the URL changes.
        let busyTimeout = try settings.value(Settings.sqliteBusyTimeout)
        let connectTimeout = try settings.value(Settings.connectTimeout)
        let statementTimeout = try settings.value(Settings.statementTimeout)
        let migrationLockTimeout = try settings.value(Settings.migrationLockTimeout)
        do {
            switch url {
            case .sqlite(let location):
                // New files are readable by their owner only. SQLite gives its log the database's permissions.
                umask(0o077)
                connection = .sqlite(
                    try SQLiteDatabase(
                        SQLiteConfiguration(
                            location: location,
                            createsFile: purpose == .create,
                            isReadOnly: purpose == .inspect,
                            readers: capacity.sqliteReaders,
                            busyTimeout: busyTimeout,
                            searchLimits: capacity.searchLimits
                        ),
                        clock: capacity.clock
                    )
                )
            case .postgresql(let url):
                let configuration = PostgresConfiguration(
                    url: url,
                    connectTimeout: connectTimeout,
                    statementTimeout: statementTimeout
                )
                let database = PostgresDatabase(
                    configuration,
                    clock: capacity.clock,
                    listenURL: capacity.listenURL,
                    poolSize: capacity.poolSize,
                    shards: capacity.shards,
                    searchLimits: capacity.searchLimits,
                    leaseTimeout: capacity.poolTimeout,
                    maximumLifetime: capacity.poolMaximumLifetime,
                    migrationLockTimeout: migrationLockTimeout,
                    renewsEpoch: purpose != .inspect
                )
                try await database.requireDurability()
                connection = .postgresql(database)
            }
        } catch {
            throw CommandError(database: error)
        }
    }

    /// An empty database in memory, with the current schema, in place of one that does not exist yet.
    static func empty(_ settings: SettingsReader) async throws -> OpenDatabase {
        let database = try await OpenDatabase(.sqlite(.memory), settings)
        let silent = Logger(label: "chat-api") { _ in SwiftLogNoOpLogHandler() }
        try await database.prepareSchema(upgrading: true, logger: silent)
        return database
    }

    /// Creates the store; call it once, since a process must have only one store per database.
    ///
    /// - Parameter onBatch: Receives a report of every batch of writes; nil for none.
    func makeStore(onBatch: BatchObserver? = nil) -> any ServiceStore & ChatArchive {
        switch connection {
        case .sqlite(let database): SQLiteStore(database, limits: capacity.batchLimits, onBatch: onBatch)
        case .postgresql(let database): PostgresStore(database, limits: capacity.batchLimits, onBatch: onBatch)
        }
    }

    /// The services the store needs: on PostgreSQL, the exchange of signals with other servers.
    func makeServices(
        for store: any ChatStore,
        _ typing: TypingNotices,
        _ growth: GrowthNotices,
        logger: Logger
    ) -> [any Service] {
        switch connection {
        case .sqlite: []
        case .postgresql(let database): [SignalExchangeService(database, store.signals, typing, growth, logger: logger)]
        }
    }

    /// Names this process among the servers on the database.
    ///
    /// Only one process serves a SQLite database, so the next one is the same holder and need not wait for the leases of
    /// one that was killed.
    var leaseHolder: String {
        switch connection {
        case .sqlite: "server"
        case .postgresql: String((0..<16).compactMap { _ in "0123456789abcdef".randomElement() })
        }
    }

    var migrations: MigrationRunner {
        switch connection {
        case .sqlite(let database): MigrationRunner(database)
        case .postgresql(let database): MigrationRunner(database)
        }
    }

    /// How the tables are distributed; nil if the database is not on Citus.
    func distribution() async throws -> PostgresDatabase.Distribution? {
        guard case .postgresql(let database) = connection else { return nil }
        return try await database.distribution()
    }

    /// Distributes the tables over the nodes of a Citus cluster.
    ///
    /// - Throws: `CommandError` if the database is not on Citus.
    func distribute() async throws {
        guard case .postgresql(let database) = connection, try await database.distribution() != nil else {
            throw CommandError("the database has no Citus extension: distribute needs a PostgreSQL database on Citus")
        }
        try await database.distribute()
    }

    /// Ensures that the schema is current.
    ///
    /// A SQLite database belongs to this program alone and is always upgraded. A PostgreSQL database, which other
    /// servers may be using, is upgraded only on request, and otherwise refused if it is behind.
    func prepareSchema(upgrading isWanted: Bool, logger: Logger) async throws(CommandError) {
        do {
            guard upgradesSchema(isWanted) else { return try await migrations.check() }
            try await migrations.migrate(
                .up,
                to: .head,
                onWait: { logger.notice("The migration is waiting for other sessions that are using the tables") },
                onStep: { logger.notice("Migrated to \($0.migration.revision): \($0.migration.summary)") }
            )
            try await recordIncarnation()
        } catch {
            throw CommandError(database: error)
        }
    }

    /// Whether other servers may use the database, too.
    var isShared: Bool {
        if case .postgresql = connection { true } else { false }
    }

    private func upgradesSchema(_ isWanted: Bool) -> Bool {
        !isShared || isWanted
    }

    /// Checks what `prepareSchema` would do.
    ///
    /// - Returns: The current revision if it would upgrade the schema; nil if the schema is current.
    /// - Throws: `CommandError` if it would fail.
    func revisionToUpgrade(upgrading isWanted: Bool) async throws(CommandError) -> String? {
        do {
            try await migrations.check()
            return nil
        } catch MigrationError.databaseIsBehind(let current, _) where upgradesSchema(isWanted) {
            return current
        } catch {
            throw CommandError(database: error)
        }
    }

    /// Ensures that this server can serve: that it receives other servers' notifications and that its clock is right.
    func requireServing(_ store: any ChatStore, logger: Logger) async throws(CommandError) {
        try await requireReadiness(of: store)
        try await requireNotifications()
        do {
            try await warnOfFutureEntries(in: store, logger: logger)
        } catch {
            throw CommandError(database: error)
        }
    }

    /// Ensures that the database accepts writes, and that its clock agrees with this machine's.
    func requireReadiness(of store: any ChatStore) async throws(CommandError) {
        do {
            try await store.checkReadiness()
        } catch {
            throw CommandError(database: error)
        }
    }

    /// Ensures that notifications from other servers arrive.
    func requireNotifications() async throws(CommandError) {
        do {
            if case .postgresql(let database) = connection, try await !database.canListen() {
                throw CommandError(
                    """
                    PostgreSQL: LISTEN does not work through a pooler in transaction mode: set \
                    \(Settings.listenURL.variable) (--\(Settings.listenURL.flag)) to a URL that bypasses the pooler
                    """
                )
            }
        } catch {
            throw CommandError(database: error)
        }
    }

    /// Logs a warning if the newest entry is dated later than now.
    func warnOfFutureEntries(in store: any ChatStore, logger: Logger) async throws(StoreError) {
        guard let lead = try await store.newestEntryLead(over: capacity.clock.now()) else { return }
        logger.warning(
            "The newest entry is dated in the future; until then, new entries in its chat get the same timestamp",
            metadata: ["seconds": .stringConvertible(lead.components.seconds)]
        )
    }

    /// Ensures that the schema is current without changing it.
    func checkSchema() async throws(CommandError) {
        do {
            try await migrations.check()
        } catch {
            throw CommandError(database: error)
        }
    }

    /// Detects a restore: of a backup file, or of a PostgreSQL database elsewhere.
    private func recordIncarnation() async throws {
        switch connection {
        case .sqlite(let database): try await database.renewEpochOfBackup()
        case .postgresql(let database): try await database.recordIncarnation()
        }
    }

    /// Warns if PostgreSQL grants fewer connections than a server with this capacity opens.
    ///
    /// - Returns: The database's product and version.
    func checkServer(logger: Logger) async throws(CommandError) -> String {
        guard case .postgresql(let database) = connection else { return "SQLite" }
        let server: PostgresDatabase.Server
        do {
            server = try await database.server()
        } catch {
            throw CommandError(database: error)
        }
        let needed = capacity.postgresConnectionCount
        if let granted = server.connectionLimit, granted < needed {
            logger.warning(
                """
                this server opens up to \(needed) connections, but PostgreSQL grants \(granted): raise max_connections \
                (or the limit of the role or the database), or lower --\(Settings.poolSize.flag)
                """
            )
        }
        return "PostgreSQL \(server.version)"
    }

    func close() async throws {
        switch connection {
        case .sqlite(let database): try database.close()
        case .postgresql(let database): await database.close()
        }
    }
}
