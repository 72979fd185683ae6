import ArgumentParser

@main
struct ChatAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat-api",
        abstract: "Keeps chats and their messages behind an HTTP API.",
        subcommands: [ServeCommand.self, MigrateCommand.self, HealthcheckCommand.self],
        defaultSubcommand: ServeCommand.self
    )
}
