import ChatDomain
import PostgresClient

/// The nodes of a distributed database: while one cannot be reached, requests for the chats of the others succeed.
extension PostgresConnection {
    /// Groups requests by the node that stores their chat.
    ///
    /// - Parameter chats: The chat of each request; nil for none.
    /// - Returns: The requests' indices, in the order of the requests; requests for no stored chat form one group.
    func groupByNode(_ chats: [ChatID?]) throws(PostgresError) -> [[Int]] {
        let known = Set(chats.compactMap(\.self))
        let result = try query(
            """
            SELECT chat.id, placement.groupid::bigint
            FROM unnest($1::bigint[]) AS chat (id) JOIN pg_dist_placement AS placement
                ON placement.shardid = get_shard_id_for_distribution_column('chats'::regclass, chat.id)
            """,
            [.int64Array(known.map(\.rawValue))]
        )
        var nodes: [ChatID: Int64] = [:]
        for row in 0..<result.rowCount {
            nodes[ChatID(rawValue: try result.int64(0, row: row))] = try result.int64(1, row: row)
        }
        let groups = Dictionary(grouping: chats.indices) { index in chats[index].flatMap { nodes[$0] } }
        return groups.values.sorted { $0[0] < $1[0] }
    }

    /// Whether a node could lose committed data in a crash; without the nodes that cannot be reached.
    func hasNodeWithoutSync() throws(PostgresError) -> Bool {
        let answers = try query("SELECT result FROM run_command_on_all_nodes('SHOW fsync') WHERE success")
        for row in 0..<answers.rowCount where try answers.text(0, row: row) != "on" {
            return true
        }
        return false
    }

    /// Whether an error says that a node of a distributed database cannot be reached.
    func isNodeFailure(_ error: PostgresError) -> Bool {
        guard isDistributed, case .server(let state, _) = error else { return false }
        return state.isNodeFailure
    }
}
