import ArgumentParser
import ChatArchives
import ChatDomain
import ChatMigrations
import SystemPackage

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a chat or all chats as lines of JSON, for `import`.",
        discussion: "The service may be running. docs/export.md describes the lines."
    )

    @Argument(help: "The id of the chat.") var chat: Int64?
    @Flag(help: "Export every chat.") var all = false
    @Option(help: "The file to write, which must not exist (default: standard output).") var output: String?
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func validate() throws {
        guard (chat == nil) == all else { throw ValidationError("give the id of a chat or --all") }
        if let chat, chat < 1 { throw ValidationError("ids of chats begin at 1") }
    }

    func run() async throws {
        let settings = try await SettingsReader(given: database.given)
        try await settings.printWarnings()
        let database = try await OpenDatabase(try settings.value(Settings.databaseURL), settings)
        do {
            try await database.migrations.check()
            try await export(database.makeStore())
        } catch let error as CommandError {
            throw error
        } catch StoreError.chatNotFound {
            throw CommandError("there is no chat \(chat ?? 0)")
        } catch {
            throw CommandError(database: error)
        }
        try await database.close()
    }

    private func export(_ archive: any ChatArchive) async throws {
        let export = ChatExport(archive)
        let display = ProgressDisplay("Exported")
        let id = chat.map(ChatID.init(rawValue:))
        // Only a bar needs to know it beforehand; but a chat that is not there is not to leave an empty file.
        let count = display.isTerminal || id != nil ? try await export.countEntries(id) : nil
        let total = display.isTerminal ? count : nil
        let target = ByteStream(try openOutput())
        do {
            try await display.run {
                let progress = try await export.run(id) { bytes, progress in
                    try await target.write(bytes)
                    try await display.show(progress, progress.entries, of: total)
                }
                try await target.close()
                try await display.finish(progress)
            }
        } catch let error as Errno {
            throw CommandError("cannot write \(output ?? "to standard output"): \(error)")
        }
    }

    /// Others on the machine have no business with what people have written.
    private func openOutput() throws(CommandError) -> FileDescriptor {
        guard let output else { return .standardOutput }
        do {
            return try .open(
                FilePath(output),
                .writeOnly,
                options: [.create, .exclusiveCreate],
                permissions: .ownerReadWrite
            )
        } catch {
            throw CommandError("cannot write \(output): \(error)")
        }
    }
}
