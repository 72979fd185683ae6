/// The address of a database and the settings of its sessions.
///
/// Copies share the state of their sessions: if one of them finds a server to be read-only, all of them leave it.
package struct PostgresConfiguration: Sendable {
    /// May name several hosts, which are tried in order.
    package var url: PostgresURL
    /// How long connecting may take in total; each host of the URL gets an equal share of the remaining time.
    package var connectTimeout: Duration
    /// How long a statement may run, and how long a transaction may wait for its next statement.
    ///
    /// After that, the server cancels the statement or ends the session, so a client that has vanished holds no lock
    /// for longer. If the server does not answer within another second, the connection is closed.
    package var statementTimeout: Duration
    /// How long a statement waits for a lock; nil means until the statement timeout.
    package var lockTimeout: Duration?
    /// Statements that run first when a session opens, in a read-write transaction of their own.
    package var opening: [PostgresStatement] = []
    let servers = PostgresServers()

    package init(
        url: PostgresURL,
        connectTimeout: Duration = .seconds(5),
        statementTimeout: Duration = .seconds(10),
        lockTimeout: Duration? = nil
    ) {
        self.url = url
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.lockTimeout = lockTimeout
    }

    /// The server parameters for every statement, regardless of the defaults of the role and the database.
    var parameters: [String: String] {
        let timeout = String(statementTimeout.milliseconds)
        return [
            "statement_timeout": timeout,
            "idle_in_transaction_session_timeout": timeout,
            "lock_timeout": String(lockTimeout?.milliseconds ?? 0),
            "TimeZone": "UTC",
        ]
    }
}
