import ArgumentParser
import ChatArchives
import ChatDomain
import ChatMigrations
import SystemPackage

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write one chat, or all users and chats, as JSON lines, for `import`.",
        discussion: "You can run this while the service is running. docs/export.md describes the format."
    )

    @Argument(help: "The chat's id.") var chat: Int64?
    @Flag(help: "Export every user and chat.") var all = false
    @Option(help: "The file to create; it must not exist yet (default: standard output).") var output: String?
    @OptionGroup(title: "Database") var database: DatabaseOptions

    func validate() throws {
        guard (chat == nil) == all else { throw ValidationError("specify either a chat id or --all") }
        if let chat, chat < 1 { throw ValidationError("a chat id must be at least 1") }
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
        // Only a progress bar needs the count, but counting also checks that the chat exists before a file is created.
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

    /// Creates the file with access for its owner only: it holds people's messages.
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
