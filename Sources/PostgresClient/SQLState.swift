/// PostgreSQL's five-character error code (https://www.postgresql.org/docs/current/errcodes-appendix.html).
package struct SQLState: RawRepresentable, Hashable, Sendable {
    /// Five digits or uppercase letters; empty if the server sent no code.
    package let rawValue: String

    package init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The server aborted this transaction to resolve a deadlock; a retry can succeed.
    package static let deadlockDetected = SQLState(rawValue: "40P01")
    /// The lock timeout passed; nothing was changed.
    package static let lockNotAvailable = SQLState(rawValue: "55P03")
    /// The statement timeout passed, or a cancel request arrived.
    package static let queryCanceled = SQLState(rawValue: "57014")
    /// Raised by a script's own RAISE EXCEPTION, with which a migration refuses to run.
    package static let raisedException = SQLState(rawValue: "P0001")
    /// The server is a standby or otherwise read-only.
    package static let readOnlyTransaction = SQLState(rawValue: "25006")
    /// A connection broke.
    package static let connectionFailure = SQLState(rawValue: "08006")
    /// An internal error of the server.
    package static let internalError = SQLState(rawValue: "XX000")
    /// The transaction lost a conflict with another one; a retry can succeed.
    package static let serializationFailure = SQLState(rawValue: "40001")
    /// The statement may or may not have taken effect.
    package static let statementCompletionUnknown = SQLState(rawValue: "40003")
    /// The transaction may or may not have been committed.
    package static let transactionResolutionUnknown = SQLState(rawValue: "08007")
    /// The schema is not the one that the program expects.
    package static let undefinedColumn = SQLState(rawValue: "42703")
    /// The schema is missing, or is not the one that the program expects.
    package static let undefinedTable = SQLState(rawValue: "42P01")
    /// Another row already has the key.
    package static let uniqueViolation = SQLState(rawValue: "23505")

    /// Whether a node of a distributed database cannot be reached, is starting or is shutting down.
    package var isNodeFailure: Bool {
        conditionClass == "08" && self != .transactionResolutionUnknown || rawValue.hasPrefix("57P")
    }

    /// The first two characters, which group related codes.
    package var conditionClass: Substring {
        rawValue.prefix(2)
    }
}
