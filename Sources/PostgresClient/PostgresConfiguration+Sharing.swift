extension PostgresConfiguration {
    /// Whether a pooler on the way to the server gives each transaction whichever of its sessions is free, so that nothing
    /// stays with a client: neither settings nor LISTEN.
    ///
    /// With sessions of their own, two clients keep two server processes.
    package func sharesSessions() async throws(PostgresError) -> Bool {
        let connections = [PostgresConnection(self), PostgresConnection(self)]
        var processes: [Set<Int64>] = [[], []]
        do throws(PostgresError) {
            try await connections[0].open()
            if await connections[0].isPooled {
                try await connections[1].open()
                // Others use the pooler, too, and may be what keeps both at the same process, or apart, for a moment.
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
