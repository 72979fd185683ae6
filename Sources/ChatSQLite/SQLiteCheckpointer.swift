import ChatDomain
package import GRDB
import GRDBSQLite
import Glibc
import Synchronization

/// Copies the write-ahead log into the database concurrently with the writer, on its own connection and queue.
///
/// SQLite itself would checkpoint inside a commit, and every client would wait until thousands of pages are on disk.
/// Here the writer waits only for the last few pages, which it wrote while the others were being copied. That wait is
/// necessary: checkpoints never catch up with a writer that is always busy, and only a fully copied log starts over.
package final class SQLiteCheckpointer: Sendable {
    /// After a pass this short, the writer has added so few pages that stopping it for the rest is cheap.
    private static let shortPass = 256
    /// If the writer outpaces the disk, passes do not get shorter, and the writer has to wait.
    private static let maximumPasses = 4
    /// How long the writer waits for readers of old pages; a reader in another process may take hours.
    private static let busyTimeout = Duration.milliseconds(50)
    /// How long to wait before retrying to empty a log that could not be emptied.
    private static let erasureRetryDelay = Duration.seconds(1)

    private enum Round {
        case idle, running, closed
    }

    private struct State {
        var round = Round.idle
        /// The task that empties the log after text was erased; nil if none is pending.
        var erasure: Task<Void, Never>?
        /// Whether text was erased since the task last started to empty the log.
        var erasureIsDue = false
        var checkpoints = 0
        var failedCheckpoints = 0
    }

    /// Used for checkpoints only, with `synchronous=FULL`.
    package let connection: DatabaseQueue
    private let writer: DatabasePool
    private let logPages: Int
    private let erasureDelay: Duration
    private let state = Mutex(State())

    /// Replaces the writer's automatic checkpoints.
    ///
    /// - Parameters:
    ///   - logPages: How many pages the writer may write before a checkpoint starts.
    ///   - erasureDelay: How long erased text may stay in the log before it is emptied.
    init(of writer: DatabasePool, logPages: Int, erasureDelay: Duration) throws {
        self.writer = writer
        self.logPages = logPages
        self.erasureDelay = erasureDelay
        var options = Configuration()
        options.busyMode = writer.configuration.busyMode
        connection = try DatabaseQueue(path: writer.path, configuration: options)
        try connection.inDatabase { database in
            try database.execute(
                sql: "PRAGMA synchronous = FULL; PRAGMA busy_timeout = \(Self.busyTimeout / .milliseconds(1))"
            )
        }
        try writer.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_autocheckpoint = 0") }
    }

    /// Verifies `synchronous=FULL`, which puts copied pages on disk before the log starts over.
    func requireDurability() throws {
        let synchronous = try connection.inDatabase { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
        guard synchronous == 2 else {
            throw StoreError.failed(
                reason: "SQLite did not accept synchronous=FULL for checkpoints: \(synchronous.map(String.init) ?? "?")"
            )
        }
    }

    /// Starts a checkpoint if the writer has written `logPages` pages since the last one started.
    ///
    /// - Parameter database: The writer's connection, outside any transaction.
    func noticeWrites(of database: Database) {
        guard database.pagesWritten() >= logPages else { return }
        state.withLock { state in
            guard state.round == .idle else { return }
            state.round = .running
            database.resetPagesWritten()
            connection.asyncWriteWithoutTransaction { [self] connection in
                // A failed checkpoint leaves the log as it is, and the next one retries: a full disk or another
                // process's checkpoint may no longer be in the way by then.
                try? countRound(on: connection, endingWith: .restart)
                self.state.withLock { state in
                    if state.round == .running {
                        state.round = .idle
                    }
                }
            }
        }
    }

    /// Schedules the removal of deleted or replaced text from the log's file.
    ///
    /// In the database itself, `secure_delete` overwrites it with zeros once the log has been copied.
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
            // Cancelled by `close`; closing the database empties the log.
        }
    }

    /// Copies the whole log and truncates its file.
    ///
    /// - Returns: False if it failed, for example because of a reader of old pages or a full disk.
    private func emptyLog() async -> Bool {
        do {
            try await connection.writeWithoutTransaction { [self] connection in
                try countRound(on: connection, endingWith: .truncate)
            }
            return true
        } catch {
            return false
        }
    }

    /// Waits for a running checkpoint and closes the connection; no further one starts.
    func close() throws {
        state.withLock { state in
            state.round = .closed
            state.erasure?.cancel()
        }
        try connection.close()
    }

    /// The size of the log, and the checkpoints so far.
    var load: DatabaseLoad.WriteAheadLogLoad {
        var status = stat()
        let isThere = stat(writer.path + "-wal", &status) == 0
        return state.withLock { state in
            DatabaseLoad.WriteAheadLogLoad(
                bytes: isThere ? Int(status.st_size) : 0,
                checkpoints: state.checkpoints,
                failedCheckpoints: state.failedCheckpoints
            )
        }
    }

    private func countRound(on connection: Database, endingWith mode: Database.CheckpointMode) throws {
        do {
            try runRound(on: connection, endingWith: mode)
            state.withLock { $0.checkpoints += 1 }
        } catch {
            state.withLock {
                $0.checkpoints += 1
                $0.failedCheckpoints += 1
            }
            throw error
        }
    }

    private func runRound(on connection: Database, endingWith mode: Database.CheckpointMode) throws {
        var copied = 0
        for _ in 0..<Self.maximumPasses {
            let frames = try connection.checkpoint(.passive).checkpointedFrameCount
            // SQLite would sync the file only in the last pass, while the writer waits.
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
    /// The number of pages that this connection has written to the log since the last reset.
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

    /// Waits until everything written to the database file is on disk.
    fileprivate func synchronizeFile() throws {
        var file: UnsafeMutablePointer<sqlite3_file>?
        // Use SQLite's file handle: closing another descriptor of the file would drop all of the process's locks on it.
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
