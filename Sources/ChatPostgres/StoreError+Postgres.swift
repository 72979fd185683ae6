package import ChatDomain
package import PostgresClient

extension StoreError {
    /// Maps an error of the client by its SQLSTATE, never by the name of a constraint.
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

    /// Connection failures, retryable rollbacks, insufficient resources, locks and operator intervention.
    private static let passingClasses: Set<Substring> = ["08", "40", "53", "55", "57"]
    /// Values rejected by a type (22) or a constraint (23).
    private static let valueClasses: Set<Substring> = ["22", "23"]
}
