import Synchronization

/// The servers with which copies of a configuration have sessions.
final class PostgresServers: Sendable {
    private let current = Mutex<[String: ServerSessions]>([:])

    /// Returns the group that a new session joins.
    ///
    /// - Parameter address: The server's address, in any consistent form.
    func sessions(with address: String) -> ServerSessions {
        current.withLock { current in
            if let sessions = current[address], !sessions.areRetired { return sessions }
            let sessions = ServerSessions()
            current[address] = sessions
            return sessions
        }
    }
}
