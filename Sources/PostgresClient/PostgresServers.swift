import Synchronization

/// The servers with which a configuration's copies have sessions.
final class PostgresServers: Sendable {
    private let current = Mutex<[String: ServerSessions]>([:])

    /// What a new session is to be a part of.
    ///
    /// - Parameter address: The server's, in any form that is always the same.
    func sessions(with address: String) -> ServerSessions {
        current.withLock { current in
            if let sessions = current[address], !sessions.areRetired { return sessions }
            let sessions = ServerSessions()
            current[address] = sessions
            return sessions
        }
    }
}
