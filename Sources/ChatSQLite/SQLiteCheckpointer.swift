import ChatDomain
package import GRDB
import GRDBSQLite
import Synchronization

/// Copies the write-ahead log into the database beside the writer, on a connection and a queue of its own.
///
/// SQLite would do it inside a commit, and every client would wait until thousands of pages are on the disk. Here the
/// writer waits for the last few alone, those that it wrote while the others were being copied. It has to wait for them: a
/// copy never catches up with a writer that is always busy, and only a log that is copied to its end begins anew.
package final class SQLiteCheckpointer: Sendable {
    /// A pass of so few pages is so short that the writer, which may then be stopped, has written few meanwhile.
    private static let shortPass = 256
    /// Where the writer is faster than the disk passes do not get shorter, and it has to wait.
    private static let maximumPasses = 4
    /// How long the writer is kept waiting for readers of what is being replaced: another process may read for hours.
    private static let patience = Duration.milliseconds(50)
    /// How long after an erasure that a reader was in the way of the next one is tried.
    private static let erasureRetryDelay = Duration.seconds(1)

    private enum Round {
        case idle, running, closed
    }

    private struct State {
        var round = Round.idle
        /// Empties the log some time after text was erased.
        var erasure: Task<Void, Never>?
        /// Whether text was erased that the next emptying must see to.
        var erasureIsDue = false
    }

    package let connection: DatabaseQueue
    private let writer: DatabasePool
    private let logPages: Int
    private let erasureDelay: Duration
    private let state = Mutex(State())

    /// Takes the writer's automatic checkpoints over.
    init(of writer: DatabasePool, logPages: Int, erasureDelay: Duration) throws {
        self.writer = writer
        self.logPages = logPages
        self.erasureDelay = erasureDelay
        var options = Configuration()
        options.busyMode = writer.configuration.busyMode
        connection = try DatabaseQueue(path: writer.path, configuration: options)
        try connection.inDatabase { database in
            try database.execute(
                sql: "PRAGMA synchronous = FULL; PRAGMA busy_timeout = \(Self.patience / .milliseconds(1))"
            )
        }
        try writer.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_autocheckpoint = 0") }
    }

    /// Makes sure that what was copied is on the disk before the log begins anew.
    func requireDurability() throws {
        let synchronous = try connection.inDatabase { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
        guard synchronous == 2 else {
            throw StoreError.failed(
                reason: "SQLite did not take synchronous=FULL for checkpoints: \(synchronous.map(String.init) ?? "?")"
            )
        }
    }

    /// Begins a round if the writer has written enough since the last one began.
    ///
    /// - Parameter database: The writer's connection, outside of a transaction.
    func noticeWrites(of database: Database) {
        guard database.pagesWritten() >= logPages else { return }
        state.withLock { state in
            guard state.round == .idle else { return }
            state.round = .running
            database.resetPagesWritten()
            connection.asyncWriteWithoutTransaction { [self] connection in
                // A failed round leaves the log as it is, and the next one goes on: what was in its way, a full disk or
                // a checkpoint of another process, may be gone by then.
                try? runRound(on: connection, endingWith: .restart)
                self.state.withLock { state in
                    if state.round == .running {
                        state.round = .idle
                    }
                }
            }
        }
    }

    /// Sees to it that text which a transaction has deleted or replaced leaves the log's file, too.
    ///
    /// In the database it is overwritten with zeros, once the log was copied.
    func noticeErasure() {
        state.withLock { state in
            guard state.round != .closed else { return }
            state.erasureIsDue = true
            if state.erasure == nil {
                state.erasure = Task { await self.runErasures() }
            }
        }
    }

    private func runErasures() async {
        do {
            repeat {
                try await Task.sleep(for: erasureDelay)
                state.withLock { $0.erasureIsDue = false }
                while await !emptyLog() {
                    try await Task.sleep(for: Self.erasureRetryDelay)
                }
            } while state.withLock { state in
                if !state.erasureIsDue {
                    state.erasure = nil
                }
                return state.erasureIsDue
            }
        } catch {
            // It is closed, and closing empties the log.
        }
    }

    /// - Returns: False where a reader of what is being replaced, or a full disk, is in the way.
    private func emptyLog() async -> Bool {
        do {
            try await connection.writeWithoutTransaction { [self] connection in
                try runRound(on: connection, endingWith: .truncate)
            }
            return true
        } catch {
            return false
        }
    }

    /// Waits for the round that is running and closes the connection; none begins after it.
    func close() throws {
        state.withLock { state in
            state.round = .closed
            state.erasure?.cancel()
        }
        try connection.close()
    }

    private func runRound(on connection: Database, endingWith mode: Database.CheckpointMode) throws {
        var copied = 0
        for _ in 0..<Self.maximumPasses {
            let frames = try connection.checkpoint(.passive).checkpointedFrameCount
            // SQLite itself leaves that to the last pass, when nothing is written meanwhile: while the writer waits.
            try connection.synchronizeFile()
            if frames - copied <= Self.shortPass { break }
            copied = frames
        }
        _ = try writer.writeWithoutTransaction { _ in
            try connection.checkpoint(mode)
        }
    }
}

extension Database {
    /// How many pages this connection has written into the log since the last reset.
    fileprivate func pagesWritten() -> Int {
        Int(cacheWrites(reset: 0))
    }

    fileprivate func resetPagesWritten() {
        _ = cacheWrites(reset: 1)
    }

    private func cacheWrites(reset: CInt) -> CInt {
        var count: CInt = 0
        var highest: CInt = 0
        sqlite3_db_status(sqliteConnection, SQLITE_DBSTATUS_CACHE_WRITE, &count, &highest, reset)
        return count
    }

    /// Waits until what was written into the database file is on the disk.
    fileprivate func synchronizeFile() throws {
        var file: UnsafeMutablePointer<sqlite3_file>?
        // A file descriptor of our own would not do: closing it drops all locks that the process has on the file.
        try check(sqlite3_file_control(sqliteConnection, "main", SQLITE_FCNTL_FILE_POINTER, &file))
        guard let file, let synchronize = file.pointee.pMethods?.pointee.xSync else { return }
        try check(synchronize(file, SQLITE_SYNC_NORMAL))
    }

    private func check(_ status: CInt) throws {
        if status != SQLITE_OK {
            throw DatabaseError(resultCode: ResultCode(rawValue: status))
        }
    }
}
