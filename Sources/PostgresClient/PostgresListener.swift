/// Notifications as they come, on a connection of its own that is opened again whenever it breaks.
///
/// It needs a session of its own with the server: a pooler such as PgBouncer that hands a server's connection to another
/// client after each transaction loses what is listened for, without a word.
package struct PostgresListener: Sendable {
    package enum Event: Equatable, Sendable {
        /// A session listens from now on; whatever was notified before it may have been missed.
        case listening
        case notification(PostgresNotification)
        /// The session has ended, or none came about. Another attempt follows.
        case failed(PostgresError)
    }

    private let configuration: PostgresConfiguration
    private let channels: [String]
    private let idleTimeout: Duration

    /// - Parameters:
    ///   - channels: Names of up to 63 bytes, each as it is: LISTEN and NOTIFY without quotes fold them to small letters.
    ///   - idleTimeout: How long nothing may come until the server is asked whether it is still there.
    package init(_ configuration: PostgresConfiguration, channels: [String], idleTimeout: Duration = .seconds(60)) {
        self.configuration = configuration
        self.channels = channels
        self.idleTimeout = idleTimeout
    }

    /// Listens until the task is cancelled, which ends whatever is being waited for.
    ///
    /// - Parameter handle: Called with one event at a time. It must not block.
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

    /// Hands over what comes until the task is cancelled.
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
