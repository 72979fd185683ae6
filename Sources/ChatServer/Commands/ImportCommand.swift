import ArgumentParser
import ChatAPI
import ChatDomain
import Logging
import SystemPackage

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Read chats that `export` wrote, with their ids, positions and instants.",
        discussion: """
            The service may be running. What is there already is passed over: an import that was interrupted is run again.
            """
    )

    @Argument(help: "The file to read (default: standard input).") var file: String?
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
        let upgrades = try settings.value(Settings.migrate)
        let source = ByteStream(try openFile())
        let url = try settings.value(Settings.databaseURL)
        let database = try await OpenDatabase(url, settings, createsFile: true)
        try await database.prepareSchema(upgrading: upgrades, logger: logger)
        writer.flush()
        do {
            try await importChats(from: source, into: database.makeStore())
        } catch let error as ArchiveError {
            throw CommandError(error.description)
        } catch let error as Errno {
            throw CommandError("cannot read \(file ?? "standard input"): \(error)")
        } catch {
            throw CommandError(database: error)
        }
        try await database.close()
    }

    private func importChats(from source: ByteStream, into store: any ChatStore & ChatArchive) async throws {
        // A chat that was deleted and is on its way out would stand in the way of its own return.
        while try await store.purgeDeletedChats() {}
        let total = await source.remainingBytes()
        let display = ProgressDisplay("Imported")
        try await display.run {
            var progress = ArchiveProgress()
            let added = try await ChatImport(store).run(read: source.read) {
                progress = $0
                try await display.show($0, $0.bytes, of: total)
            }
            try await display.finish(progress, " (\(added.chats) and \(added.entries) were not there before)")
        }
    }

    private func openFile() throws(CommandError) -> FileDescriptor {
        guard let file else { return .standardInput }
        do {
            return try .open(FilePath(file), .readOnly)
        } catch {
            throw CommandError("cannot read \(file): \(error)")
        }
    }
}
