import ArgumentParser
import ChatDomain
import ChatSQLite
import Foundation
import SystemPackage
import UnixSignals

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy a SQLite database to a file while a server uses it.",
        discussion: """
            The copy is one consistent state of the database. The file appears under its name only after it has been \
            checked and synced to disk. docs/deploy.md shows how to schedule backups and how to restore one. Back up \
            PostgreSQL with pg_dump.
            """
    )

    @Argument(help: "The file to create; it must not exist yet.") var file: String
    @Flag(help: "Replace the file if it exists.") var force = false
    @Option(
        help: ArgumentHelp(
            """
            Add the time to the file's name, as in chat-20261130T154103Z.db, and delete all but the newest N backups \
            with such names once the new one is complete.
            """,
            valueName: "N"
        )
    )
    var keep: Int?
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func validate() throws {
        if let keep, keep < 1 { throw ValidationError("--keep must be at least 1") }
        guard keep == nil || !force else { throw ValidationError("specify either --keep or --force") }
        guard !file.isEmpty, !file.hasSuffix("/") else { throw ValidationError("specify a file, not a folder") }
    }

    func run() async throws {
        let settings = try await SettingsReader(given: database.given)
        try await settings.printWarnings()
        let url = try settings.value(Settings.databaseURL)
        guard let source = url.file else {
            let advice = url == .sqlite(.memory) ? "there is no file" : "back up PostgreSQL with pg_dump"
            throw CommandError("backup copies SQLite files only, not \(url): \(advice)")
        }
        let start = ContinuousClock.now
        let series = keep.map { _ in BackupSeries(file) }
        let path = series?.path(at: .now) ?? file
        let database = try open(source, busyTimeout: try settings.value(Settings.sqliteBusyTimeout))
        try checkTarget(path, of: source)
        // From here on, signals are handled, so that no incomplete file is left behind.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let target = try PendingFile(for: file)
        let revision: String
        do {
            revision = try await unlessSignaled(by: signals) { try await database.backUp(to: target.partialPath) }
            try target.complete(as: path, replacing: force)
        } catch {
            target.discard()
            guard let error = error as? StoreError else { throw error }
            throw CommandError("cannot back up \(source) to \(path): \(error.reason)")
        }
        let seconds = (start.duration(to: .now) / .milliseconds(1)).rounded() / 1_000
        print("Wrote \(path): \(DiskFile(path)?.size ?? ByteCount(0)) in \(seconds) s, schema \(revision).")
        do {
            try database.close()
        } catch {
            throw CommandError(database: error)
        }
        if let series, let keep {
            try deleteOld(series.paths(besides: path, keeping: keep, among: try series.names()))
        }
    }

    private func open(_ source: String, busyTimeout: Duration) throws(CommandError) -> SQLiteDatabase {
        do {
            return try SQLiteDatabase(
                SQLiteConfiguration(
                    location: .file(source),
                    createsFile: false,
                    isReadOnly: true,
                    busyTimeout: busyTimeout
                )
            )
        } catch {
            throw CommandError(database: error)
        }
    }

    /// Rejects a target that would destroy something.
    private func checkTarget(_ path: String, of source: String) throws(CommandError) {
        if let existing = FileIdentity(path) {
            guard existing.isRegular else { throw CommandError("\(path) is not a regular file") }
            let own = ([source] + PendingFile.companions(of: source)).compactMap { FileIdentity($0) }
            guard !own.contains(existing) else { throw CommandError("\(path) belongs to the database itself") }
        }
        guard force || !FileIdentity.exists(path) else {
            let advice = keep == nil ? "choose another name, or replace it with --force" : "try again in a second"
            throw CommandError("\(path) already exists: \(advice)")
        }
        // SQLite would apply it to the copy.
        if let log = PendingFile.companions(of: path).first(where: FileIdentity.exists) {
            throw CommandError("\(log) exists, so \(path) may be a database in use: choose another name")
        }
    }

    private func deleteOld(_ paths: [String]) throws(CommandError) {
        for path in paths {
            do {
                try FileManager.default.removeItem(atPath: path)
                print("Deleted \(path).")
            } catch {
                throw CommandError("the backup is complete, but cannot delete \(path): \(error.localizedDescription)")
            }
        }
    }
}

/// Runs `body`, and cancels it if a signal arrives.
private func unlessSignaled<Result: Sendable>(
    by signals: UnixSignalsSequence,
    _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
        group.addTask {
            for await _ in signals {
                throw CommandError("interrupted: no backup was made")
            }
            throw CancellationError()
        }
        group.addTask { try await body() }
        defer { group.cancelAll() }
        guard let result = try await group.next() else { throw CancellationError() }
        return result
    }
}
