package import ChatDomain
package import GRDB

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// An open SQLite database whose durability has been asserted.
package struct SQLiteDatabase: Sendable {
    package let writer: any DatabaseWriter
    /// The connection of searches, for which no other request waits; in memory there is one connection for everything.
    let searcher: any DatabaseReader
    /// The connection of readiness checks, which wait for no other request.
    let prober: any DatabaseReader
    /// A database in memory has no log, and needs none.
    package let checkpointer: SQLiteCheckpointer?
    /// Dates what is written.
    let clock: ChatClock
    /// How many reads can run at once.
    let readers: Int
    let searchLimits: SearchLimits

    /// Opens the database; it does not touch the schema.
    ///
    /// - Throws: `StoreError.unavailable` that names the file and what is wrong with it.
    package init(_ configuration: SQLiteConfiguration, clock: ChatClock = ChatClock()) throws(StoreError) {
        self.clock = clock
        searchLimits = configuration.searchLimits
        readers = configuration.location == .memory ? 1 : configuration.readers
        if case .file(let path) = configuration.location, let obstacle = SQLiteFileAccess.obstacle(to: path) {
            throw .unavailable(reason: "cannot open \(path): \(obstacle)")
        }
        do {
            (writer, checkpointer) = try Self.open(configuration)
            try writer.writeWithoutTransaction(Self.requireDurability)
            try checkpointer?.requireDurability()
            // What a process that was killed has deleted may still be in the log.
            checkpointer?.noticeErasure()
            searcher = try Self.openReader(beside: writer)
            prober = try Self.openReader(beside: writer)
        } catch {
            throw StoreError(error, opening: configuration.location)
        }
    }

    /// Waits for what is running and closes every connection; what comes later is refused.
    ///
    /// The file alone holds all the data then: it can be copied without the write-ahead log beside it.
    package func close() throws(StoreError) {
        do {
            try checkpointer?.close()
            if checkpointer != nil {
                try searcher.close()
                try prober.close()
            }
            // The pool closes its writer before its readers, and so SQLite never sees a last connection that would do it.
            // Where it cannot be done, on a file that became read-only, the log keeps the data.
            try? writer.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
            try writer.close()
        } catch {
            throw StoreError(error)
        }
    }

    private static func open(
        _ configuration: SQLiteConfiguration
    ) throws -> (writer: any DatabaseWriter, checkpointer: SQLiteCheckpointer?) {
        var options = Configuration()
        // GRDB applies this before any other statement, so that opening waits for a lock as well.
        let timeout = configuration.busyTimeout.components
        options.busyMode = .timeout(Double(timeout.seconds) + Double(timeout.attoseconds) / 1e18)
        options.foreignKeysEnabled = true
        options.maximumReaderCount = configuration.readers
        options.persistentReadOnlyConnections = true
        options.prepareDatabase { database in
            // SQLite's own 2 MB hold fewer pages than a few hundred busy chats touch.
            // What is deleted is overwritten with zeros.
            try database.execute(sql: "PRAGMA cache_size = -32768; PRAGMA secure_delete = ON")
            database.add(function: caseFolded)
        }
        switch configuration.location {
        case .memory:
            return (try DatabaseQueue(configuration: options), nil)
        case .file(let path):
            guard configuration.createsFile || access(path, F_OK) == 0 else {
                throw StoreError.unavailable(reason: "there is no such file (chat-api serve creates it)")
            }
            let pool = try DatabasePool(path: path, configuration: options)
            // The pool sets NORMAL after `prepareDatabase` has run, under which a power cut can take acknowledged messages.
            try pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            let checkpointer = try SQLiteCheckpointer(
                of: pool,
                logPages: configuration.logPages,
                erasureDelay: configuration.erasureDelay
            )
            return (pool, checkpointer)
        }
    }

    /// A connection that reads, for one purpose; the only one of a database in memory.
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

/// Titles are compared as the program compares them: SQLite's own functions know the case of ASCII alone.
private let caseFolded = DatabaseFunction("case_folded", argumentCount: 1, pure: true) { values in
    String.fromDatabaseValue(values[0])?.caseFolded
}
