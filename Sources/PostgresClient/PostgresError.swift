/// What can go wrong between this program and a database.
///
/// No description contains a password.
package enum PostgresError: Error, Equatable, CustomStringConvertible {
    /// No connection came about; nothing was sent.
    case connectionFailed(reason: String)
    /// The connection broke or was given up while a statement was under way: it may have been carried out, or not.
    case connectionLost(reason: String)
    /// The connection broke inside a transaction whose COMMIT had not been sent: nothing of it is left.
    case transactionLost(reason: String)
    /// The server answered COMMIT by rolling the transaction back: nothing of it is left.
    case rolledBack
    /// The server refused or cancelled the statement; its transaction is rolled back.
    case server(SQLState, message: String)
    /// No connection of the pool became free in time; nothing was sent.
    case poolExhausted
    /// The caller's task was cancelled before a connection was its own; nothing was sent.
    case cancelled
    /// The pool is shut down; nothing was sent.
    case shutDown
    /// A result does not have the form that the program expects: a defect.
    case unexpectedResult(String)

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
