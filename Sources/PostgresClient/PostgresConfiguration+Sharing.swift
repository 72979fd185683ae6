extension PostgresConfiguration {
    /// Whether a pooler in front of the server assigns each transaction any free session, so that neither settings nor
    /// LISTEN stay with a client.
    ///
    /// It watches two clients: with sessions of their own, each keeps its own server process.
    package func sharesSessions() async throws(PostgresError) -> Bool {
        let connections = [PostgresConnection(self), PostgresConnection(self)]
        var processes: [Set<Int64>] = [[], []]
        do throws(PostgresError) {
            try await connections[0].open()
            if await connections[0].isPooled {
                try await connections[1].open()
                // Other clients of the pooler may keep both at the same process, or apart, for a moment.
                for index in [0, 0, 1, 0, 1, 1, 0, 1] {
                    processes[index].insert(try await connections[index].serverProcess())
                }
            }
        } catch {
            for connection in connections { await connection.close() }
            throw error
        }
        for connection in connections { await connection.close() }
        return processes.contains { $0.count > 1 } || !processes[0].isDisjoint(with: processes[1])
    }
}

extension PostgresConnection {
    fileprivate func serverProcess() throws(PostgresError) -> Int64 {
        try query("SELECT pg_backend_pid()::bigint").int64(0, row: 0)
    }
}
