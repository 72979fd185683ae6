/// Receives notifications on a connection of its own, which it reopens whenever it breaks.
///
/// It needs a session of its own with the server: behind a pooler such as PgBouncer that gives the server's connection
/// to another client after each transaction, notifications are lost silently.
package struct PostgresListener: Sendable {
    /// What the listener reports, in order of occurrence.
    package enum Event: Equatable, Sendable {
        /// A session now listens; earlier notifications may have been missed.
        case listening
        case notification(PostgresNotification)
        /// The session ended or could not be opened; another attempt follows.
        case failed(PostgresError)
    }

    private let configuration: PostgresConfiguration
    private let channels: [String]
    private let idleTimeout: Duration

    /// Prepares a listener; `run` connects it.
    ///
    /// - Parameters:
    ///   - channels: Case-sensitive names of up to 63 bytes; LISTEN and NOTIFY fold unquoted names to lowercase.
    ///   - idleTimeout: How long the connection may be silent before the listener checks that the server still answers.
    package init(_ configuration: PostgresConfiguration, channels: [String], idleTimeout: Duration = .seconds(60)) {
        self.configuration = configuration
        self.channels = channels
        self.idleTimeout = idleTimeout
    }

    /// Listens until the task is cancelled, which interrupts any wait.
    ///
    /// - Parameter handle: Called with one event at a time; must not block.
    package func run(_ handle: @Sendable (Event) -> Void) async {
        let interruption = Interruption()
        let connection = PostgresConnection(configuration, interruption: interruption)
        await withTaskCancellationHandler {
            var backoff = Backoff()
            while !Task.isCancelled {
                do throws(PostgresError) {
                    try await connection.open()
                    try await connection.listen(on: channels)
                    backoff.succeed(at: .now)
                    handle(.listening)
                    try await connection.receiveNotifications(idleTimeout: idleTimeout, handle)
                } catch {
                    await connection.close()
                    if Task.isCancelled { break }
                    handle(.failed(error))
                    try? await Task.sleep(for: backoff.fail(at: .now, jitter: .random(in: 0..<1)))
                }
            }
        } onCancel: {
            interruption.interrupt()
        }
        await connection.close()
    }
}

extension PostgresConnection {
    fileprivate func listen(on channels: [String]) throws(PostgresError) {
        let statements = channels.map { "LISTEN \"\($0.replacing("\"", with: "\"\""))\"" }
        try execute(statements.joined(separator: ";"))
    }

    /// Passes on notifications until the task is cancelled.
    fileprivate func receiveNotifications(
        idleTimeout: Duration,
        _ handle: @Sendable (PostgresListener.Event) -> Void
    ) throws(PostgresError) {
        while !Task.isCancelled {
            let notifications = try notifications(until: .now + idleTimeout)
            for notification in notifications {
                handle(.notification(notification))
            }
            if isRetired { throw .connectionLost(reason: "the server has become read-only") }
            if notifications.isEmpty {
                try execute("SELECT 1")
            }
        }
    }
}
