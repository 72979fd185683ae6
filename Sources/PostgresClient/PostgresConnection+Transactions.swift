/// Transactions that do not depend on defaults of the server, database, role or pooler.
///
/// On failure, the transaction is rolled back before the error is thrown, and the session can be used again.
extension PostgresConnection {
    /// Opens a read-write transaction and runs statements in it, in one round trip.
    ///
    /// Each statement sees what others committed before it (READ COMMITTED). Once `commit` returns, a server crash
    /// cannot undo the transaction: `synchronous_commit` is `on`, or `remote_apply` if that is the default.
    package func begin(
        _ statements: [PostgresStatement],
        receive: (Int, borrowing PostgresResult) throws(PostgresError) -> Void = { _, _ in }
    ) throws(PostgresError) {
        try rollingBackFailures { () throws(PostgresError) in
            let opening = opening
            try pipeline(opening + statements) { index, result throws(PostgresError) in
                if index >= opening.count { try receive(index - opening.count, result) }
            }
        }
    }

    /// Runs statements in the open transaction, in one round trip.
    package func continueTransaction(
        _ statements: [PostgresStatement],
        receive: (Int, borrowing PostgresResult) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        try rollingBackFailures { () throws(PostgresError) in
            try pipeline(statements) { index, result throws(PostgresError) in try receive(index, result) }
        }
    }

    /// Runs statements and commits the open transaction, in one round trip.
    ///
    /// - Throws: `PostgresError.rolledBack` if the transaction had already failed on the server, and
    ///   `SQLState.transactionResolutionUnknown` if a synchronous standby may not have what the server committed.
    package func commit(
        _ statements: [PostgresStatement] = [],
        receive: (Int, borrowing PostgresResult) throws(PostgresError) -> Void = { _, _ in }
    ) throws(PostgresError) {
        try rollingBackFailures { () throws(PostgresError) in
            try commit(statements, after: 0, receive)
        }
    }

    /// Runs statements in a read-write transaction of their own, in one round trip.
    package func transact(
        _ statements: [PostgresStatement],
        receive: (Int, borrowing PostgresResult) throws(PostgresError) -> Void = { _, _ in }
    ) throws(PostgresError) {
        try rollingBackFailures { () throws(PostgresError) in
            let opening = opening
            try commit(opening + statements, after: opening.count, receive)
        }
    }

    /// Runs read-only statements in one snapshot, in one round trip.
    package func readSnapshot(
        _ statements: [PostgresStatement],
        receive: (Int, borrowing PostgresResult) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        try rollingBackFailures { () throws(PostgresError) in
            let opening = [PostgresStatement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")] + localParameters
            try commit(opening + statements, after: opening.count, receive)
        }
    }

    /// Runs read-only statements in one snapshot, in one round trip; a single one needs no transaction for that, unless
    /// it has parts.
    ///
    /// On a distributed database, each node has a snapshot of its own.
    package func read(
        _ statements: [PostgresStatement],
        receive: (Int, borrowing PostgresResult) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        if let statement = statements.first, statements.count == 1, !isDistributed {
            try receive(0, query(statement.sql, statement.parameters))
        } else {
            try readSnapshot(statements, receive: receive)
        }
    }

    /// Harmless if no transaction is open.
    package func rollBack() throws(PostgresError) {
        try execute("ROLLBACK")
    }

    /// Returns if the session can write.
    ///
    /// - Throws: `PostgresError.server` with `SQLState.readOnlyTransaction`, after retiring the sessions with this
    ///   server.
    package func requireWritable() throws(PostgresError) {
        var isReadOnly = false
        try transact([PostgresStatement("SELECT current_setting('transaction_read_only')")]) {
            _,
            result throws(PostgresError) in
            isReadOnly = try result.text(0, row: 0) == "on"
        }
        if isReadOnly {
            retire()
            throw .server(.readOnlyTransaction, message: "the server is read-only")
        }
    }

    /// Runs one read-only statement in a transaction of its own.
    func readAlone(_ statement: PostgresStatement) throws(PostgresError) -> PostgresResult {
        let opening = [PostgresStatement("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY")] + localParameters
        var answer: PostgresResult?
        try rollingBackFailures { () throws(PostgresError) in
            try pipeline(opening + [statement, .commit]) { index, result throws(PostgresError) in
                if index == opening.count { answer = consume result }
            }
        }
        guard let answer else { throw .unexpectedResult("the server sent no result") }
        return answer
    }

    private func commit(
        _ statements: [PostgresStatement],
        after ignored: Int,
        _ receive: (Int, borrowing PostgresResult) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        try pipeline(statements + [.commit]) { index, result throws(PostgresError) in
            if index == statements.count {
                guard result.commandTag == "COMMIT" else { throw .rolledBack }
                // If the wait for a synchronous standby is cancelled, the server only warns.
                if let warning { throw .server(.transactionResolutionUnknown, message: warning) }
            } else if index >= ignored {
                try receive(index - ignored, result)
            }
        }
    }

    private func rollingBackFailures(_ body: () throws(PostgresError) -> Void) throws(PostgresError) {
        do throws(PostgresError) {
            try body()
        } catch {
            if isInTransaction { try? rollBack() }
            throw error
        }
    }

    /// Opens every read-write transaction.
    private var opening: [PostgresStatement] {
        // Weaker settings could lose acknowledged writes: off and local if one server fails, remote_write if a standby
        // takes over.
        [
            PostgresStatement("BEGIN ISOLATION LEVEL READ COMMITTED"),
            PostgresStatement(
                """
                SELECT set_config(
                    'synchronous_commit',
                    CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END,
                    true)
                """
            ),
        ] + localParameters + (isDistributed ? nodeParameters : [])
    }

    /// Sets parameters for the transaction on every node of a distributed database that it reaches.
    ///
    /// Nodes do not inherit the session's lock timeout or `synchronous_commit`.
    private var nodeParameters: [PostgresStatement] {
        [
            PostgresStatement("SET LOCAL citus.propagate_set_commands = 'local'"),
            // Citus rejects parallel statements after a write to a reference table.
            PostgresStatement("SET LOCAL citus.multi_shard_modify_mode = 'sequential'"),
            PostgresStatement("SET LOCAL synchronous_commit = \(nodeCommit)"),
            PostgresStatement("SET LOCAL lock_timeout = \(configuration.parameters["lock_timeout"] ?? "0")"),
        ]
    }

    /// Sets the parameters for the transaction if session settings do not persist.
    private var localParameters: [PostgresStatement] {
        guard isPooled else { return [] }
        let columns = configuration.parameters.sorted { $0.key < $1.key }
            .map { "set_config('\($0.key)', '\($0.value)', true)" }
        return [PostgresStatement("SELECT \(columns.joined(separator: ", "))")]
    }
}

extension PostgresStatement {
    fileprivate static let commit = PostgresStatement("COMMIT")
}
