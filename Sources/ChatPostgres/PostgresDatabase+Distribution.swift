package import ChatDomain
import ChatMigrations
import PostgresClient

/// Distribution of the tables by chat, over the nodes of a Citus cluster.
extension PostgresDatabase {
    /// Where Citus stores the tables.
    package struct Distribution: Sendable {
        /// The number of nodes that store chats.
        package let nodeCount: Int
        /// The tables that are only on the coordinator although they belong on all nodes.
        package let localTables: [String]
    }

    /// The tables that are stored by chat, and the column that names it; `chats` comes first.
    private static let chatTables = [
        ("chats", "id"), ("messages", "chat_id"), ("changes", "chat_id"), ("members", "chat_id"),
        ("departures", "chat_id"), ("webhook_positions", "chat_id"),
    ]
    /// The tables of which every node has a copy.
    private static let copiedTables = ["history", "webhooks"]

    /// Distributes the tables of the current schema that are not distributed yet, with their rows, in one transaction.
    ///
    /// Sessions that are already open keep sending undivided statements, so stop the servers first.
    package func distribute() async throws {
        try await withExclusiveTransaction(onWait: {}) { transaction in
            // Required because the tables reference each other.
            try transaction.execute("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
            for table in Self.copiedTables {
                try transaction.execute(
                    "SELECT create_reference_table(to_regclass('\(table)')) WHERE \(Self.isLocal("'\(table)'"))"
                )
            }
            for (table, column) in Self.chatTables {
                try transaction.execute(
                    """
                    SELECT create_distributed_table(
                        to_regclass('\(table)'), '\(column)', colocate_with => '\(table == "chats" ? "none" : "chats")'
                    ) WHERE \(Self.isLocal("'\(table)'"))
                    """
                )
            }
        }
    }

    /// Nil if the database has no Citus extension.
    package func distribution() async throws(StoreError) -> Distribution? {
        do {
            return try await prober.withConnection { connection throws(PostgresError) in
                guard try connection.hasCitus() else { return nil }
                let local = try connection.query(
                    """
                    SELECT name FROM unnest($1::text[]) WITH ORDINALITY AS local (name, number)
                    WHERE \(Self.isLocal("name")) ORDER BY number
                    """,
                    [.textArray(Self.copiedTables + Self.chatTables.map(\.0))]
                )
                var localTables: [String] = []
                for row in 0..<local.rowCount {
                    localTables.append(try local.text(0, row: row))
                }
                let nodes = try connection.query(
                    """
                    SELECT count(DISTINCT groupid) FROM pg_dist_placement JOIN pg_dist_shard USING (shardid)
                    WHERE logicalrelid = to_regclass('chats')
                    """
                )
                return Distribution(nodeCount: Int(try nodes.int64(0, row: 0)), localTables: localTables)
            }
        } catch {
            throw StoreError(error).ofRead
        }
    }

    /// Whether a table exists and Citus does not distribute it.
    ///
    /// - Parameter name: An expression for its name.
    private static func isLocal(_ name: String) -> String {
        """
        to_regclass(\(name)) IS NOT NULL
        AND NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = to_regclass(\(name)))
        """
    }
}
