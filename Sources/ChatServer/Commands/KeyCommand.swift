import ArgumentParser
import ChatDomain
import ChatIdentity
import ChatMigrations
import Foundation
import Logging
import SystemPackage

struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key",
        abstract: "Create, list and revoke server keys, the credentials of your backend.",
        discussion: """
            You can run these while the service is running. To rotate a key, create a new one, switch your backend to it, \
            then revoke the old one.
            """,
        subcommands: [Create.self, List.self, Revoke.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a server key and print it.",
            discussion: """
                This is the only time the key is shown; the database keeps a hash of it. If there is no database yet, it \
                is created, as by `serve`.
                """
        )

        @Option(help: "A name that tells people what uses the key.") var name: String
        @Option(
            help: ArgumentHelp(
                """
                What the key may do: admin (everything), post (read and post in every chat, act as any user), read (read \
                every chat) or bot:ID (act as this user).
                """
            )
        )
        var scope: String
        @OptionGroup(title: "Database") var database: DatabaseOptions
        @OptionGroup(title: "Schema") var schema: SchemaOptions
        @OptionGroup(title: "Logging") var logging: LoggingOptions

        private static let note =
            "Note: a server that is already running in open mode stays open until you restart it.\n"

        func run() async throws {
            let settings = try await SettingsReader(given: database.given + schema.given + logging.given)
            try await settings.printWarnings()
            guard let scope = ServerKeyScope(scope) else {
                throw CommandError(
                    "--scope is '\(self.scope)': it must be admin, post, read or bot:ID, such as bot:helper"
                )
            }
            guard let name = ServerKeyName(name) else {
                throw CommandError(
                    "--name is invalid: it must be 1 to \(ServerKeyName.maximumLength) characters without line breaks"
                )
            }
            let writer = LogWriter(format: try settings.value(Settings.logFormat))
            defer { writer.flush() }
            let logger = try Logger(settings, writer: writer)
            let database = try await OpenDatabase(
                try settings.value(Settings.databaseURL),
                settings,
                for: .create
            )
            try await database.prepareSchema(upgrading: try settings.value(Settings.migrate), logger: logger)
            let key = ServerKey()
            do {
                try await database.makeStore().addServerKey(
                    key.record(named: name.value, scope, createdAt: .now())
                )
            } catch {
                throw CommandError(database: error)
            }
            print(key.text)
            try await ByteStream(.standardError).write(Array(Self.note.utf8))
            try await database.close()
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the server keys, without their secrets.",
            discussion: "The key in CHAT_SERVER_KEY is not in the database and not in the list."
        )

        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            let keys = try await withStore(database) { try await $0.serverKeys() }
            let rows = keys.map { key in
                [
                    key.id, key.name, key.scope.text, text(key.createdAt), text(key.lastUsedAt), text(key.revokedAt),
                ]
            }
            for line in aligned([["id", "name", "scope", "created", "last used", "revoked"]] + rows) {
                print(line)
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a server key; it can never be used again.",
            discussion: "Running servers reject the key within seconds, and end its streams."
        )

        @Argument(help: "The key's id, the part between sk_ and the next _.") var id: String
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            // A whole key in the place of its id must not be printed.
            let id = ServerKey(id)?.id ?? id
            guard try await withStore(database, { try await $0.revokeServerKey(id) }) else {
                throw CommandError("there is no such key: chat-api key list shows the ids")
            }
            print("revoked \(id)")
        }
    }
}

private func withStore<Result>(
    _ options: DatabaseOptions,
    _ body: (any IdentityStore) async throws -> Result
) async throws -> Result {
    let settings = try await SettingsReader(given: options.given)
    try await settings.printWarnings()
    let database = try await OpenDatabase(try settings.value(Settings.databaseURL), settings)
    let result: Result
    do {
        try await database.migrations.check()
        result = try await body(database.makeStore())
    } catch {
        throw CommandError(database: error)
    }
    try await database.close()
    return result
}

/// Returns an instant to the second, or `-` for none.
private func text(_ instant: Instant?) -> String {
    guard let instant else { return "-" }
    return Date(timeIntervalSince1970: Double(instant.microsecondsSinceEpoch) / 1_000_000).formatted(.iso8601)
}

/// Pads every column but the last to its widest cell.
private func aligned(_ rows: [[String]]) -> [String] {
    let columns = (rows.first ?? []).indices.dropLast()
    let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
        let padded = zip(row, widths).map { cell, width in cell + String(repeating: " ", count: width - cell.count) }
        return (padded + row.suffix(1)).joined(separator: "  ")
    }
}
