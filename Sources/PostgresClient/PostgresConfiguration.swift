/// Where a database is and how its sessions are set up.
///
/// Copies know of each other's sessions: a server that one of them finds to be read-only is left by all.
package struct PostgresConfiguration: Sendable {
    package var url: PostgresURL
    /// How long connecting may take, over all hosts of the URL, of which each has an equal share of what is left.
    package var connectTimeout: Duration
    /// How long a statement may take, and how long a transaction may wait for its next statement.
    ///
    /// The server cancels the statement then, or ends the session: a client that has vanished holds no lock for longer. A
    /// server that does not answer a second later is given up.
    package var statementTimeout: Duration
    /// How long a statement waits for a lock; nil for as long as it may take.
    package var lockTimeout: Duration?
    /// Run in a transaction of their own, as one that may write, when a session opens and before anything else.
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

    /// PostgreSQL's parameters for every statement, whatever the defaults of the role and the database are.
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
