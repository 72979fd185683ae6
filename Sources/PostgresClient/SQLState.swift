/// PostgreSQL's five-character code for what happened (https://www.postgresql.org/docs/current/errcodes-appendix.html).
package struct SQLState: RawRepresentable, Hashable, Sendable {
    package let rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    package static let deadlockDetected = SQLState(rawValue: "40P01")
    package static let lockNotAvailable = SQLState(rawValue: "55P03")
    package static let queryCanceled = SQLState(rawValue: "57014")
    /// What a script of our own raises.
    package static let raisedException = SQLState(rawValue: "P0001")
    package static let readOnlyTransaction = SQLState(rawValue: "25006")
    package static let serializationFailure = SQLState(rawValue: "40001")
    package static let statementCompletionUnknown = SQLState(rawValue: "40003")
    package static let transactionResolutionUnknown = SQLState(rawValue: "08007")
    package static let undefinedColumn = SQLState(rawValue: "42703")
    package static let undefinedTable = SQLState(rawValue: "42P01")
    package static let uniqueViolation = SQLState(rawValue: "23505")

    /// The first two characters, which group the codes.
    package var conditionClass: Substring {
        rawValue.prefix(2)
    }
}
