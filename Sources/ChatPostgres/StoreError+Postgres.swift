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
        case .server(let state, _)
        where Self.passingClasses.contains(state.conditionClass) || state == .readOnlyTransaction:
            self = .unavailable(reason: reason)
        case .server(let state, _) where Self.valueClasses.contains(state.conditionClass):
            self = .invalidValue(reason: reason)
        case .server:
            self = .failed(reason: reason)
        case .unexpectedResult:
            self = .failed(reason: reason)
        }
    }

    /// Connections, rollbacks that may be tried again, resources, locks, intervention of an operator.
    private static let passingClasses: Set<Substring> = ["08", "40", "53", "55", "57"]
    /// Values that a type, and those that a constraint does not take.
    private static let valueClasses: Set<Substring> = ["22", "23"]
}
