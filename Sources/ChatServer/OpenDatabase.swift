import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatSQLite
import Logging
import PostgresClient
import ServiceLifecycle

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// The database that the settings name: the one place that picks it.
struct OpenDatabase {
    private enum Connection {
        case sqlite(SQLiteDatabase)
        case postgresql(PostgresDatabase)
    }

    private let connection: Connection
    private let capacity: DatabaseCapacity

    /// - Parameters:
    ///   - capacity: How much work the database does at once; a command does one thing after another.
    ///   - createsFile: Whether a SQLite file is made if it is missing.
    /// - Throws: `SettingError`, or `CommandError` for a database that cannot be used.
    init(
        _ url: DatabaseURL,
        _ settings: SettingsReader,
        capacity: DatabaseCapacity = DatabaseCapacity(),
        createsFile: Bool = false
    ) async throws {
        self.capacity = capacity
        // Settings of the other database count too: a mistake must not wait for the day the URL changes.
        let busyTimeout = try settings.value(Settings.sqliteBusyTimeout)
        let connectTimeout = try settings.value(Settings.connectTimeout)
        let statementTimeout = try settings.value(Settings.statementTimeout)
        let migrationLockTimeout = try settings.value(Settings.migrationLockTimeout)
        do {
            switch url {
            case .sqlite(let location):
                // Nobody else may read a file that is made from here on. SQLite gives its log the database's permissions.
                umask(0o077)
                connection = .sqlite(
                    try SQLiteDatabase(
                        SQLiteConfiguration(
                            location: location,
                            createsFile: createsFile,
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
                    lanes: capacity.lanes,
                    searchLimits: capacity.searchLimits,
                    leaseTimeout: capacity.poolTimeout,
                    maximumLifetime: capacity.poolMaximumLifetime,
                    migrationLockTimeout: migrationLockTimeout
                )
                try await database.requireDurability()
                connection = .postgresql(database)
            }
        } catch {
            throw CommandError(database: error)
        }
    }

    /// A store on the database, which is to be its only one in this process.
    func makeStore() -> any ChatStore & ChatArchive {
        switch connection {
        case .sqlite(let database): SQLiteStore(database, limits: capacity.batchLimits)
        case .postgresql(let database): PostgresStore(database, limits: capacity.batchLimits)
        }
    }

    /// What runs beside the store: on PostgreSQL, the exchange of signals with the other servers.
    func makeServices(for store: any ChatStore, _ typing: TypingNotices, logger: Logger) -> [any Service] {
        switch connection {
        case .sqlite: []
        case .postgresql(let database): [SignalExchangeService(database, store.signals, typing, logger: logger)]
        }
    }

    var migrations: MigrationRunner {
        switch connection {
        case .sqlite(let database): MigrationRunner(database)
        case .postgresql(let database): MigrationRunner(database)
        }
    }

    /// Makes sure that the schema is what this program needs.
    ///
    /// An embedded database is this program's own and is upgraded. A PostgreSQL database is upgraded if that is wanted;
    /// otherwise one that is behind is refused, since other servers may be using it.
    func prepareSchema(upgrading isWanted: Bool, logger: Logger) async throws(CommandError) {
        let upgrades = if case .sqlite = connection { true } else { isWanted }
        do {
            guard upgrades else { return try await migrations.check() }
            try await migrations.migrate(
                .up,
                to: .head,
                onWait: { logger.notice("The migration waits for other sessions, which use the tables") },
                onStep: { logger.notice("Migrated to \($0.migration.revision): \($0.migration.summary)") }
            )
            try await recordIncarnation()
        } catch {
            throw CommandError(database: error)
        }
    }

    /// Makes sure that a server does right by its clients: that it hears of the others, and that its clock can be believed.
    func requireServing(_ store: any ChatStore, logger: Logger) async throws(CommandError) {
        do {
            try await store.checkReadiness()
            if case .postgresql(let database) = connection, try await !database.canListen() {
                throw CommandError(
                    """
                    PostgreSQL: a pooler on the way shares sessions among transactions, so that LISTEN does not work: set \
                    \(Settings.listenURL.variable) (--\(Settings.listenURL.flag)) to a URL that leads to the server itself
                    """
                )
            }
            try await warnOfFutureEntries(in: store, logger: logger)
        } catch {
            throw CommandError(database: error)
        }
    }

    func warnOfFutureEntries(in store: any ChatStore, logger: Logger) async throws(StoreError) {
        guard let lead = try await store.newestEntryLead(over: capacity.clock.now()) else { return }
        logger.warning(
            "The newest entry lies in the future: the next ones of its chat are dated like it until then",
            metadata: ["seconds": .stringConvertible(lead.components.seconds)]
        )
    }

    /// Makes sure that the schema is what this program needs, and leaves it as it is.
    func checkSchema() async throws(CommandError) {
        do {
            try await migrations.check()
        } catch {
            throw CommandError(database: error)
        }
    }

    /// Remembers which database the history belongs to.
    private func recordIncarnation() async throws {
        if case .postgresql(let database) = connection {
            try await database.recordIncarnation()
        }
    }

    func close() async throws {
        switch connection {
        case .sqlite(let database): try database.close()
        case .postgresql(let database): await database.close()
        }
    }
}
