package import ChatDomain
import ChatMigrations
import GRDB
import Synchronization

extension SQLiteDatabase {
    /// Copies one snapshot to a file, while others read and write the database, and verifies the copy.
    ///
    /// Meanwhile, the write-ahead log grows, because readers of a snapshot keep it from starting over. The copy needs no
    /// log, and its epoch is `Epoch.ofBackup`.
    ///
    /// - Parameter path: An empty file.
    /// - Returns: The newest revision of the copy's schema, which may be older or newer than this program's.
    /// - Throws: `StoreError`, which leaves an incomplete file; cancelling the task does so, too.
    package func backUp(to path: String) async throws(StoreError) -> String {
        let isCancelled = Atomic(false)
        do {
            return try await withTaskCancellationHandler {
                let migrations = try await writer.read { source in
                    // Reading before the first step makes all steps copy this snapshot. Otherwise, SQLite would start
                    // over whenever another process writes.
                    let migrations = try SQLiteMigrationTransaction(database: source).appliedMigrations()
                    guard !migrations.isEmpty else { throw StoreError.failed(reason: "it is not a chat-api database") }
                    try source.copy(to: path, isCancelled: { isCancelled.load(ordering: .relaxed) })
                    return migrations
                }
                guard try await Self.verify(path) == migrations, let newest = migrations.last else {
                    throw StoreError.failed(reason: "the copy has another schema")
                }
                return newest.revision
            } onCancel: {
                isCancelled.store(true, ordering: .relaxed)
            }
        } catch {
            throw StoreError(error).ofRead
        }
    }

    /// Opens a copy and checks all of it.
    private static func verify(_ path: String) async throws -> [AppliedMigration] {
        let copy = try SQLiteDatabase(SQLiteConfiguration(location: .file(path), createsFile: false, isReadOnly: true))
        let (flaw, migrations) = try await copy.writer.read { database in
            (
                try String.fetchOne(database, sql: "PRAGMA integrity_check(1)"),
                try SQLiteMigrationTransaction(database: database).appliedMigrations()
            )
        }
        try copy.close()
        guard flaw == "ok" else {
            throw StoreError.failed(
                reason: "the copy is damaged, and so may be the database: \(flaw?.replacing("\n", with: " ") ?? "?")"
            )
        }
        return migrations
    }

    /// Renews the epoch if this is a restored backup.
    package func renewEpochOfBackup() async throws(StoreError) {
        try await write { try $0.renewEpochOfBackup() }
    }
}

extension Database {
    /// Pages of 4 KiB: few enough that a cancelled copy stops at once.
    private static let pagesPerStep: CInt = 2_560

    fileprivate func copy(to path: String, isCancelled: @escaping () -> Bool) throws {
        let target = try DatabaseQueue(path: path)
        try target.inDatabase { copy in
            try backup(to: copy, pagesPerStep: Self.pagesPerStep) { _ in
                if isCancelled() { throw CancellationError() }
            }
            try copy.execute(sql: "UPDATE history SET epoch = ? WHERE id = 1", arguments: [Epoch.ofBackup.text])
            // The copied header asks for a write-ahead log, which would be a second file.
            guard try String.fetchOne(copy, sql: "PRAGMA journal_mode = DELETE") == "delete" else {
                throw StoreError.failed(reason: "SQLite did not write the copy as a single file")
            }
        }
        try target.close()
    }
}
