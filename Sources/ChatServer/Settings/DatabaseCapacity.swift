import ChatDomain
import Logging
import PostgresClient

/// How much work a database does concurrently, with the clock and the URL for LISTEN that a server needs.
///
/// The defaults suit commands, which do one thing at a time.
struct DatabaseCapacity {
    var listenURL: PostgresURL?
    var clock = ChatClock()
    var sqliteReaders = 1
    var poolSize = 1
    var poolTimeout = Duration.seconds(5)
    var poolMaximumLifetime = Duration.seconds(1_800)
    var shards = 1
    var batchLimits = BatchLimits()
    var searchLimits = SearchLimits()

    /// An upper bound for the number of files and connections that the database keeps open.
    var connectionCount: Int {
        // In SQLite, also the writer and the searches, each with up to three files.
        max(postgresConnectionCount, 3 * (sqliteReaders + 2))
    }

    /// An upper bound for the number of connections to PostgreSQL.
    var postgresConnectionCount: Int {
        // Also searches, readiness, LISTEN and NOTIFY.
        poolSize + shards + 4
    }
}

extension DatabaseCapacity {
    init(_ settings: SettingsReader, logger: Logger) throws(SettingError) {
        listenURL = try settings.value(Settings.listenURL)
        let maximumLeap = try settings.value(Settings.maximumClockSkew)
        clock = ChatClock(
            maximumLeap: maximumLeap,
            onLeap: { leap in
                logger.error(
                    "The system clock jumped ahead; ignoring the jump until you correct the clock or restart",
                    metadata: ["seconds": .stringConvertible(leap.components.seconds)]
                )
            }
        )
        sqliteReaders = try settings.value(Settings.sqliteReaders)
        poolSize = try settings.value(Settings.poolSize)
        poolTimeout = try settings.value(Settings.poolTimeout)
        poolMaximumLifetime = try settings.value(Settings.poolMaximumLifetime)
        shards = try settings.value(Settings.shards)
        batchLimits = BatchLimits(
            maximumBatch: try settings.value(Settings.batchSize),
            maximumWaiting: try settings.value(Settings.queueSize),
            queueTimeout: try settings.value(Settings.queueTimeout)
        )
        searchLimits = SearchLimits(
            timeout: try settings.value(Settings.searchTimeout),
            maximumWaiting: try settings.value(Settings.searchQueueSize)
        )
    }
}
