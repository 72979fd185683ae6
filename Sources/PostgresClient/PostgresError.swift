/// A failure between this program and a database.
///
/// No description contains a password.
package enum PostgresError: Error, Equatable, CustomStringConvertible {
    /// The connection could not be established; nothing was sent.
    case connectionFailed(reason: String)
    /// The connection broke or was given up during a statement, which may or may not have taken effect.
    case connectionLost(reason: String)
    /// The connection broke before COMMIT was sent; the transaction had no effect.
    case transactionLost(reason: String)
    /// The server responded to COMMIT with a rollback; the transaction had no effect.
    case rolledBack
    /// The server rejected or cancelled the statement; its transaction is rolled back.
    case server(SQLState, message: String)
    /// No connection of the pool became free in time; nothing was sent.
    case poolExhausted
    /// The task was cancelled before it got a connection; nothing was sent.
    case cancelled
    /// The pool was shut down; nothing was sent.
    case shutDown
    /// A bug: a result does not have the expected form.
    case unexpectedResult(String)

    /// One line for the log; `connectionLost` and `transactionLost` read the same.
    package var description: String {
        switch self {
        case .connectionFailed(let reason): "cannot connect: \(reason)"
        case .connectionLost(let reason), .transactionLost(let reason): "the connection was lost: \(reason)"
        case .rolledBack: "the server rolled the transaction back instead of committing it"
        case .server(let state, let message): "\(message) (SQLSTATE \(state.rawValue))"
        case .poolExhausted: "no database connection became free in time"
        case .cancelled: "the task was cancelled"
        case .shutDown: "the database connections are closed"
        case .unexpectedResult(let reason): "unexpected result: \(reason)"
        }
    }
}
