package import ChatDomain
package import PostgresClient

extension StoreError {
    /// Sorts what the client throws by SQLSTATE; names of constraints are nobody's business.
    package init(_ error: PostgresError) {
        let reason = "PostgreSQL: \(error)"
        switch error {
        case .connectionFailed, .transactionLost, .rolledBack, .poolExhausted, .cancelled, .shutDown:
            self = .unavailable(reason: reason)
        case .connectionLost, .server(.transactionResolutionUnknown, _), .server(.statementCompletionUnknown, _):
            self = .outcomeUnknown(reason: reason)
        case .server(.undefinedTable, _), .server(.undefinedColumn, _):
            self = .schemaMismatch(reason: reason)
        case .server(let state, _):
            // Connections, rollbacks that may be tried again, resources, locks, intervention of an operator.
            let passing: Set<Substring> = ["08", "40", "53", "55", "57"]
            let isPassing = passing.contains(state.conditionClass) || state == .readOnlyTransaction
            self = isPassing ? .unavailable(reason: reason) : .failed(reason: reason)
        case .unexpectedResult:
            self = .failed(reason: reason)
        }
    }
}
