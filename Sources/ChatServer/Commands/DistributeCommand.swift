import ArgumentParser
import ChatMigrations
import ChatPostgres

struct DistributeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distribute",
        abstract: "Distribute the chats over the nodes of a Citus cluster.",
        discussion: """
            Connect to the coordinator, with the citus extension created and the workers registered. Stop the servers \
            first. Run this again after an upgrade that adds tables; tables that are already distributed are left alone.
            """
    )

    @OptionGroup(title: "Database") var database: DatabaseOptions

    func run() async throws {
        try await withDatabase(database) { database in
            try await database.migrations.check()
            try await database.distribute()
            if let distribution = try await database.distribution() { print(distribution.text) }
        }
    }
}

extension PostgresDatabase.Distribution {
    /// A sentence for an operator.
    var text: String {
        if localTables.isEmpty {
            return "The chats are distributed over \(nodeCount) \(nodeCount == 1 ? "node" : "nodes")."
        }
        return "Not distributed: \(localTables.joined(separator: ", ")). Run chat-api distribute."
    }
}
