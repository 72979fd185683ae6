/// Where a database is and how its sessions are set up.
package struct PostgresConfiguration: Sendable {
    package var url: PostgresURL
    /// How long connecting may take, over all hosts of the URL, of which each has an equal share of what is left.
    package var connectTimeout: Duration
    /// How long a statement may take, and how long a transaction may wait for its next statement.
    ///
    /// The server cancels the statement then, or ends the session: a client that has vanished holds no lock for longer. A
    /// server that does not answer a second later is given up.
    package var statementTimeout: Duration
    /// Run once on each new connection, as one script.
    package var setup: String

    package init(
        url: PostgresURL,
        connectTimeout: Duration = .seconds(5),
        statementTimeout: Duration = .seconds(10),
        setup: String = ""
    ) {
        self.url = url
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.setup = setup
    }
}
