import ArgumentParser
import ChatArchives
import ChatDomain
import ChatSQLite
import Logging
import SystemPackage

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Import users and chats that `export` wrote, with their ids, positions and timestamps.",
        discussion: """
            You can run this while the service is running. Existing entries are skipped, so after an interruption, run \
            the import again. docs/export.md describes the format.
            """
    )

    @Argument(help: "The file to read; - or none for standard input.") var file: String?
    @Flag(help: "Check every line, also against the database, without changing anything.") var dryRun = false
    @Flag(help: "Skip an invalid line and the rest of its chat's log instead of stopping there.")
    var skipInvalid = false
    @OptionGroup(title: "Database") var database: DatabaseOptions
    @OptionGroup(title: "Schema") var schema: SchemaOptions
    @OptionGroup(title: "Logging") var logging: LoggingOptions

    func run() async throws {
        let settings = try await SettingsReader(given: database.given + schema.given + logging.given)
        let writer = LogWriter(format: try settings.value(Settings.logFormat))
        defer { writer.flush() }
        let logger = try Logger(settings, writer: writer)
        for warning in settings.warnings {
            logger.warning("\(warning)")
        }
        let source = ByteStream(try openFile())
        let database = try await openDatabase(settings, logger)
        writer.flush()
        do {
            let store = database.makeStore()
            try await importChats(from: source, into: store)
            if !dryRun {
                try await database.warnOfFutureEntries(in: store, logger: logger)
            }
        } catch let error as CommandError {
            throw error
        } catch let error as ArchiveError {
            throw CommandError(error.description)
        } catch let error as Errno {
            throw CommandError("cannot read \(file ?? "standard input"): \(error)")
        } catch {
            throw CommandError(database: error)
        }
        try await database.close()
    }

    /// Opens the database, creating or upgrading it if needed.
    ///
    /// A dry run creates and upgrades nothing: without a database file, it checks the chats against an empty database
    /// in memory.
    private func openDatabase(_ settings: SettingsReader, _ logger: Logger) async throws -> OpenDatabase {
        let url = try settings.value(Settings.databaseURL)
        let upgrades = try settings.value(Settings.migrate)
        guard dryRun else {
            let database = try await OpenDatabase(url, settings, for: .create)
            try await database.prepareSchema(upgrading: upgrades, logger: logger)
            return database
        }
        if url.exists {
            let database = try await OpenDatabase(url, settings)
            try await database.checkSchema()
            return database
        }
        return try await OpenDatabase.empty(settings)
    }

    private func importChats(from source: ByteStream, into store: any ServiceStore & ChatArchive) async throws {
        if !dryRun {
            // A deleted chat that is not yet purged would prevent its own import.
            while try await store.purgeDeletedChats() {}
        }
        let total = await source.remainingBytes()
        let display = ProgressDisplay(dryRun ? "Checked" : "Imported")
        let options = ChatImport.Options(isDryRun: dryRun, skipsInvalid: skipInvalid)
        var invalidLines = 0
        try await display.run {
            var progress = ArchiveProgress()
            let summary = try await ChatImport(store, options: options).run(read: source.read) {
                progress = $0
                try await display.show($0, $0.bytes, of: total)
            } complain: {
                try await display.note($0.description)
            }
            try await display.finish(progress, remark(on: summary))
            invalidLines = summary.invalidLines
        }
        if dryRun, !skipInvalid, invalidLines > 0 {
            throw CommandError(invalidLines.withNoun("line is invalid", "lines are invalid"))
        }
    }

    private func remark(on summary: ChatImport.Summary) -> String {
        let added = summary.added
        let users = added.users > 0 ? "\(added.users.withNoun("user", "users")), " : ""
        let chats = added.chats.withNoun("chat", "chats")
        var remark = " (new: \(users)\(chats), \(added.entries.withNoun("entry", "entries")))"
        if summary.skippedLines > 0 {
            remark += ", \(summary.skippedLines.withNoun("line", "lines")) skipped (\(summary.invalidLines) invalid)"
        }
        return remark
    }

    private func openFile() throws(CommandError) -> FileDescriptor {
        guard let file, file != "-" else { return .standardInput }
        do {
            return try .open(FilePath(file), .readOnly)
        } catch {
            throw CommandError("cannot read \(file): \(error)")
        }
    }
}
