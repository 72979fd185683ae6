import ArgumentParser

@main
struct ChatAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat-api",
        abstract: "Stores chats and their messages and serves them over HTTP.",
        version: "0.1.0",
        subcommands: [
            ServeCommand.self, MigrateCommand.self, ExportCommand.self, ImportCommand.self, BackupCommand.self,
            EpochCommand.self, DistributeCommand.self, HealthcheckCommand.self, DoctorCommand.self, KeyCommand.self,
            TokenCommand.self,
        ],
        defaultSubcommand: ServeCommand.self
    )
}
