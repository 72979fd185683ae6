import ArgumentParser
import ChatDomain
import ChatMigrations

struct EpochCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "epoch",
        abstract: "Show or renew the identity of the database's history.",
        discussion: """
            Positions belong to an epoch. After you restore anything but a file of `backup`, renew the epoch before \
            clients reconnect: clients that have seen more than the database holds then start over instead of missing \
            messages. A server that starts with a file of `backup` renews the epoch itself.
            """,
        subcommands: [Show.self, Renew.self],
        defaultSubcommand: Show.self
    )

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print the epoch.")

        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            try await printEpoch(database) { try await $0.chats(withIDs: []).epoch }
        }
    }

    struct Renew: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give the history a new epoch, after restoring a backup.",
            discussion: "You can run this while the service is running: it ends open streams, and clients start over."
        )

        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            try await printEpoch(database) { try await $0.renewEpoch() }
        }
    }
}

private func printEpoch(
    _ options: DatabaseOptions,
    _ epoch: (any ChatStore & ChatArchive) async throws -> Epoch
) async throws {
    let settings = try await SettingsReader(given: options.given)
    let database = try await OpenDatabase(try settings.value(Settings.databaseURL), settings)
    do {
        try await database.migrations.check()
        print(try await epoch(database.makeStore()).text)
    } catch {
        throw CommandError(database: error)
    }
    try await database.close()
}
