/// Transactions, which depend on no default of the server's, the database's, the role's or a pooler's.
///
/// Whatever fails is rolled back before its error is thrown, and the session can be used again.
extension PostgresConnection {
    /// Opens a transaction that may write, and runs statements in it, in one round trip.
    ///
    /// Each statement sees what others have committed before it (READ COMMITTED). Once `commit` returns, a crash of the
    /// server cannot undo it: `synchronous_commit` is `on`, or `remote_apply` where that is the default.
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
    /// - Throws: `PostgresError.rolledBack` where the server had given the transaction up.
    package func commit(
        _ statements: [PostgresStatement] = [],
        receive: (Int, borrowing PostgresResult) throws(PostgresError) -> Void = { _, _ in }
    ) throws(PostgresError) {
        try rollingBackFailures { () throws(PostgresError) in
            try commit(statements, after: 0, receive)
        }
    }

    /// Runs statements in a transaction of their own that may write, in one round trip.
    package func transact(
        _ statements: [PostgresStatement],
        receive: (Int, borrowing PostgresResult) throws(PostgresError) -> Void = { _, _ in }
    ) throws(PostgresError) {
        try rollingBackFailures { () throws(PostgresError) in
            let opening = opening
            try commit(opening + statements, after: opening.count, receive)
        }
    }

    /// Runs statements that write nothing in one snapshot, and in one round trip.
    package func readSnapshot(
        _ statements: [PostgresStatement],
        receive: (Int, borrowing PostgresResult) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        try rollingBackFailures { () throws(PostgresError) in
            let opening = [PostgresStatement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")] + localParameters
            try commit(opening + statements, after: opening.count, receive)
        }
    }

    package func rollBack() throws(PostgresError) {
        try execute("ROLLBACK")
    }

    /// Returns when the session can write.
    ///
    /// - Throws: `SQLState.readOnlyTransaction`; the session is retired then.
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

    /// Runs one statement that writes nothing in a transaction of its own.
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

    /// The one way into a transaction that may write.
    private var opening: [PostgresStatement] {
        // The weaker ones would lose what was acknowledged: off and local in the failure of one server, remote_write in that
        // of a standby that has taken over.
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
        ] + localParameters
    }

    /// Sets the parameters for the transaction where those of the session do not hold.
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
