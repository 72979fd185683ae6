package import ChatDomain
package import GRDB
import Glibc

/// An open SQLite database with verified durability settings.
package struct SQLiteDatabase: Sendable {
    /// The pool of the writing connection and the readers; in memory, a queue with one connection for everything.
    package let writer: any DatabaseWriter
    /// The connection for searches, so that no other request waits for one; in memory, the only connection.
    let searcher: any DatabaseReader
    /// The connection for readiness checks, which wait for no other request.
    let prober: any DatabaseReader
    /// Nil for an in-memory database, which has no write-ahead log.
    package let checkpointer: SQLiteCheckpointer?
    /// Timestamps new entries.
    let clock: ChatClock
    /// The number of reads that can run in parallel.
    let readers: Int
    let searchLimits: SearchLimits

    /// Opens the database without touching the schema.
    ///
    /// - Throws: `StoreError.unavailable` with the file's path and what is wrong with it; `StoreError.failed` if SQLite
    ///   did not accept the durability settings.
    package init(_ configuration: SQLiteConfiguration, clock: ChatClock = ChatClock()) throws(StoreError) {
        self.clock = clock
        searchLimits = configuration.searchLimits
        readers = configuration.location == .memory ? 1 : configuration.readers
        if case .file(let path) = configuration.location, let obstacle = SQLiteFileAccess.obstacle(to: path) {
            throw .unavailable(reason: "cannot open \(path): \(obstacle)")
        }
        do {
            (writer, checkpointer) = try Self.open(configuration)
            if !configuration.isReadOnly {
                try writer.writeWithoutTransaction(Self.requireDurability)
            }
            try checkpointer?.requireDurability()
            // A killed process may have left deleted text in the log.
            checkpointer?.noticeErasure()
            searcher = try Self.openReader(beside: writer)
            prober = try Self.openReader(beside: writer)
        } catch {
            throw StoreError(error, opening: configuration.location)
        }
    }

    /// Waits for running requests and closes all connections; later requests fail.
    ///
    /// Afterward, the file alone holds all data and can be copied without its write-ahead log, unless it has become
    /// read-only.
    package func close() throws(StoreError) {
        do {
            try checkpointer?.close()
            if checkpointer != nil {
                try searcher.close()
                try prober.close()
                // The pool closes its writer before its readers, so SQLite does not checkpoint when the last connection
                // closes. If this fails because the file has become read-only, the log keeps the data.
                try? writer.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
            }
            try writer.close()
        } catch {
            throw StoreError(error)
        }
    }

    /// The write-ahead log; nothing for an in-memory database.
    var load: DatabaseLoad {
        var load = DatabaseLoad()
        load.writeAheadLog = checkpointer?.load
        return load
    }

    private static func open(
        _ configuration: SQLiteConfiguration
    ) throws -> (writer: any DatabaseWriter, checkpointer: SQLiteCheckpointer?) {
        var options = Configuration()
        // GRDB applies this before any other statement, so that opening the database waits for locks, too.
        let timeout = configuration.busyTimeout.components
        options.busyMode = .timeout(Double(timeout.seconds) + Double(timeout.attoseconds) / 1e18)
        options.foreignKeysEnabled = true
        options.maximumReaderCount = configuration.readers
        options.persistentReadOnlyConnections = true
        options.prepareDatabase { database in
            // Cache 32 MB: SQLite's default of 2 MB holds fewer pages than a few hundred busy chats touch. Overwrite
            // deleted content with zeros.
            try database.execute(sql: "PRAGMA cache_size = -32768; PRAGMA secure_delete = ON")
            database.add(function: caseFolded)
        }
        switch configuration.location {
        case .memory:
            return (try DatabaseQueue(configuration: options), nil)
        case .file(let path):
            guard configuration.createsFile || access(path, F_OK) == 0 else {
                throw StoreError.unavailable(
                    reason: "there is no such file (chat-api serve, import or key create creates it)"
                )
            }
            if configuration.isReadOnly {
                // A read-only connection leaves a log alone that a crash has left. If there is no log, only a connection
                // that may write removes the empty one again that SQLite creates to read the file.
                options.readonly = access("\(path)-wal", F_OK) == 0
                return (try DatabaseQueue(path: path, configuration: options), nil)
            }
            let pool = try DatabasePool(path: path, configuration: options)
            // After `prepareDatabase`, the pool sets NORMAL, under which a power failure can lose acknowledged
            // messages.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            let checkpointer = try SQLiteCheckpointer(
                of: pool,
                logPages: configuration.logPages,
                erasureDelay: configuration.erasureDelay
            )
            return (pool, checkpointer)
        }
    }

    /// Opens a read-only connection for one purpose; in memory, returns the only connection.
    private static func openReader(beside writer: any DatabaseWriter) throws -> any DatabaseReader {
        guard let pool = writer as? DatabasePool else { return writer }
        var options = Configuration()
        options.busyMode = pool.configuration.busyMode
        options.readonly = true
        options.prepareDatabase { $0.add(function: caseFolded) }
        return try DatabaseQueue(path: pool.path, configuration: options)
    }

    private static func requireDurability(_ database: Database) throws {
        let synchronous = try Int.fetchOne(database, sql: "PRAGMA synchronous")
        let foreignKeys = try Bool.fetchOne(database, sql: "PRAGMA foreign_keys")
        let journal = try String.fetchOne(database, sql: "PRAGMA journal_mode")
        guard synchronous == 2, foreignKeys == true, journal == "wal" || journal == "memory" else {
            throw StoreError.failed(
                reason: """
                    SQLite did not take its settings: synchronous=\(synchronous.map(String.init) ?? "?"), \
                    foreign_keys=\(foreignKeys.map(String.init) ?? "?"), journal_mode=\(journal ?? "?")
                    """
            )
        }
    }
}

/// Folds titles as the program does, because SQLite's own functions fold only ASCII.
private let caseFolded = DatabaseFunction("case_folded", argumentCount: 1, pure: true) { values in
    String.fromDatabaseValue(values[0])?.caseFolded
}
