import CLibPQ
import Glibc

/// One session with a PostgreSQL server, confined to a thread of its own on which it may block.
///
/// Its methods are synchronous inside the actor: a closure given to `run` does a whole transaction in one hop. After an
/// error that leaves the session in doubt the connection is closed, and `isUsable` is false from then on.
package actor PostgresConnection {
    private let executor = ThreadExecutor()
    private let configuration: PostgresConfiguration
    private let interruption: Interruption?
    private var session: OpaquePointer?
    /// The names under which the server has the statements that were prepared, by their SQL.
    private var preparedNames: [String: String] = [:]

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    /// A connection that is not open yet.
    ///
    /// - Parameter interruption: What ends the connection's waits at once, be it for the server's answer to a statement, for
    ///   a session or for notifications.
    package init(_ configuration: PostgresConfiguration, interruption: Interruption? = nil) {
        self.configuration = configuration
        self.interruption = interruption
    }

    isolated deinit {
        PQfinish(session)
    }

    /// Whether statements can be sent.
    ///
    /// A server that has closed its end is noticed without a round trip. It is not for a session that listens.
    package var isUsable: Bool {
        guard let session, PQstatus(session) == CONNECTION_OK else { return false }
        // Between statements a server sends nothing but its farewell, and notifications.
        return !socket(of: session).isReadable
    }

    /// Whether the session is outside any transaction.
    package var isIdle: Bool {
        session.map { PQtransactionStatus($0) == PQTRANS_IDLE } ?? false
    }

    /// What cancels this session's statements from elsewhere; nil if there is no session.
    var cancelRequest: CancelRequest? {
        session.flatMap { CancelRequest(for: $0) }
    }

    /// Connects and sets the session up.
    ///
    /// - Throws: `PostgresError.connectionFailed`, also when the time is over.
    package func open() throws(PostgresError) {
        do throws(PostgresError) {
            let session = try connect()
            // Sending, too, must not block for longer than its deadline.
            guard PQsetnonblocking(session, 1) == 0 else {
                throw PostgresError.connectionFailed(reason: Self.message(of: session))
            }
            PQsetNoticeProcessor(session, { _, _ in }, nil)
            let milliseconds = configuration.statementTimeout.milliseconds
            try execute(
                """
                SET statement_timeout = \(milliseconds);
                SET idle_in_transaction_session_timeout = \(milliseconds);
                \(configuration.setup)
                """
            )
        } catch .connectionFailed(let reason) {
            close()
            throw .connectionFailed(reason: reason)
        } catch {
            close()
            throw .connectionFailed(reason: error.description)
        }
    }

    /// Ends the session.
    ///
    /// What was not committed is rolled back by the server.
    package func close() {
        PQfinish(session)
        session = nil
        preparedNames = [:]
    }

    /// Runs `body` on the connection's thread.
    package func run<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) throws(PostgresError) -> Result {
        try body(self)
    }

    /// Runs one statement, which is prepared at its first use.
    ///
    /// - Parameter sql: The program's own text: each is prepared once and kept for the life of the connection.
    package func query(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> PostgresResult {
        let session = try requireSession()
        let statement = PostgresStatement(sql, parameters)
        let sent = send(statement, as: try prepare(statement, in: session), to: session)
        return try receive(sent, from: session)
    }

    /// Runs statements in their order in one round trip.
    ///
    /// They are one transaction, unless they begin and commit one themselves. The first that fails keeps the others
    /// behind it from being run, and its error is thrown.
    ///
    /// - Parameter receive: Given each statement's index and result.
    package func pipeline(
        _ statements: [PostgresStatement],
        receive: (Int, borrowing PostgresResult) throws(PostgresError) -> Void = { _, _ in }
    ) throws(PostgresError) {
        let session = try requireSession()
        var names: [String] = []
        for statement in statements {
            names.append(try prepare(statement, in: session))
        }
        guard PQenterPipelineMode(session) == 1 else { throw giveUp(Self.message(of: session)) }
        for (statement, name) in zip(statements, names) {
            guard send(statement, as: name, to: session) == 1 else { throw giveUp(Self.message(of: session)) }
        }
        guard PQpipelineSync(session) == 1 else { throw giveUp(Self.message(of: session)) }

        let deadline = answerDeadline
        try flush(session, before: deadline)
        var failure: PostgresError?
        for index in statements.indices {
            while let result = try nextResult(of: session, before: deadline) {
                do throws(PostgresError) {
                    let result = try Self.success(result)
                    if failure == nil {
                        try receive(index, result)
                    }
                } catch {
                    failure = failure ?? error
                }
            }
        }
        // What marks the end of the pipeline.
        PQclear(try nextResult(of: session, before: deadline))
        guard PQstatus(session) == CONNECTION_OK, PQexitPipelineMode(session) == 1 else {
            throw giveUp(Self.message(of: session))
        }
        if let failure { throw failure }
    }

    /// Runs a script of any number of statements and throws their rows away.
    package func execute(_ script: String) throws(PostgresError) {
        let session = try requireSession()
        _ = try receive(PQsendQuery(session, script), from: session)
    }

    /// Blocks until notifications come on the channels on which the session listens.
    ///
    /// - Returns: Those that came, in the order of their commits; none when the time is over.
    package func notifications(
        until deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> [PostgresNotification] {
        let session = try requireSession()
        let socket = socket(of: session)
        while true {
            var notifications: [PostgresNotification] = []
            while let notification = PQnotifies(session) {
                notifications.append(PostgresNotification(notification.pointee))
                PQfreemem(notification)
            }
            guard notifications.isEmpty, socket.wait(for: POLLIN, until: deadline) else { return notifications }
            guard PQconsumeInput(session) == 1 else { throw giveUp(Self.message(of: session)) }
        }
    }

    private func requireSession() throws(PostgresError) -> OpaquePointer {
        guard let session else { throw .connectionFailed(reason: "the connection is closed") }
        return session
    }

    private func socket(of session: OpaquePointer) -> PollSocket {
        PollSocket(PQsocket(session), interruption: interruption)
    }

    /// Tries the URL's hosts as libpq does, but for those that do not answer within their share of the time.
    private func connect() throws(PostgresError) -> OpaquePointer {
        let deadline = ContinuousClock.now + configuration.connectTimeout
        var hosts = configuration.url.hosts
        while true {
            guard let session = startConnecting(to: hosts) else { throw .connectionFailed(reason: "out of memory") }
            self.session = session
            let share = ContinuousClock.now.duration(to: deadline) / hosts.count
            if try finishConnecting(session, before: .now + share) { return session }
            let (silent, port) = (String(cString: PQhost(session)), String(cString: PQport(session)))
            close()
            let others = hosts.filter { ![$0.name, $0.address].contains(silent) || !["", port].contains($0.port) }
            guard !others.isEmpty, others.count < hosts.count else {
                throw .connectionFailed(reason: "no answer within \(configuration.connectTimeout)")
            }
            hosts = others
        }
    }

    private func startConnecting(to hosts: [PostgresURL.Host]) -> OpaquePointer? {
        // The URL is expanded in place of the database's name; what comes after it wins over it, what is before does not.
        let options = [
            ("application_name", "chat-api"),
            // A server that has vanished is noticed within a minute (idle) or half of one (it owes an acknowledgement).
            ("keepalives_idle", "30"),
            ("keepalives_interval", "10"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "30000"),
            // Of several hosts the one that can be written to.
            ("target_session_attrs", "read-write"),
            ("dbname", configuration.url.connectionString),
            ("host", hosts.map(\.name).joined(separator: ",")),
            ("hostaddr", hosts.map(\.address).joined(separator: ",")),
            ("port", hosts.map(\.port).joined(separator: ",")),
            ("client_encoding", "UTF8"),
        ]
        return options.map(\.0).withUnsafeCStrings { keywords in
            options.map(\.1).withUnsafeCStrings { values in
                PQconnectStartParams(keywords, values, 1)
            }
        }
    }

    /// Waits until the session is open; false when the time is over.
    private func finishConnecting(
        _ session: OpaquePointer,
        before deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> Bool {
        var wanted = PGRES_POLLING_WRITING
        while wanted != PGRES_POLLING_OK {
            guard wanted != PGRES_POLLING_FAILED, PQstatus(session) != CONNECTION_BAD else {
                throw .connectionFailed(reason: Self.message(of: session))
            }
            let socket = socket(of: session)
            guard socket.wait(for: wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT, until: deadline) else {
                return false
            }
            wanted = PQconnectPoll(session)
        }
        return true
    }

    private func prepare(
        _ statement: PostgresStatement,
        in session: OpaquePointer
    ) throws(PostgresError) -> String {
        if let name = preparedNames[statement.sql] { return name }
        let name = "s\(preparedNames.count)"
        let types = statement.parameters.map(\.type)
        _ = try receive(PQsendPrepare(session, name, statement.sql, Int32(types.count), types), from: session)
        preparedNames[statement.sql] = name
        return name
    }

    private func send(_ statement: PostgresStatement, as name: String, to session: OpaquePointer) -> Int32 {
        statement.parameters.withUnsafeBinding { values, lengths, formats in
            PQsendQueryPrepared(session, name, Int32(formats.count), values, lengths, formats, 1)
        }
    }

    /// The server cancels a statement that takes too long; this is for a server that does not.
    private var answerDeadline: ContinuousClock.Instant {
        .now + configuration.statementTimeout + .seconds(1)
    }

    /// Waits for the answer to what was sent: the last result, or the first error.
    private func receive(_ sent: Int32, from session: OpaquePointer) throws(PostgresError) -> PostgresResult {
        guard sent == 1 else { throw giveUp(Self.message(of: session)) }
        let deadline = answerDeadline
        try flush(session, before: deadline)
        var last: PostgresResult?
        var failure: PostgresError?
        while let result = try nextResult(of: session, before: deadline) {
            do throws(PostgresError) {
                last = try Self.success(result)
            } catch {
                failure = failure ?? error
            }
        }
        guard PQstatus(session) == CONNECTION_OK else { throw giveUp(Self.message(of: session)) }
        if let failure { throw failure }
        guard let last else { throw .unexpectedResult("the server sent no result") }
        return last
    }

    private func flush(
        _ session: OpaquePointer,
        before deadline: ContinuousClock.Instant
    ) throws(PostgresError) {
        let socket = socket(of: session)
        while PQflush(session) == 1 {
            guard socket.wait(for: POLLIN | POLLOUT, until: deadline) else { throw giveUp("no answer in time") }
            guard PQconsumeInput(session) == 1 else { throw giveUp(Self.message(of: session)) }
        }
    }

    /// Waits for the next result; nil at the end of a statement's.
    private func nextResult(
        of session: OpaquePointer,
        before deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> OpaquePointer? {
        let socket = socket(of: session)
        while PQisBusy(session) == 1 {
            guard socket.wait(for: POLLIN, until: deadline) else { throw giveUp("no answer in time") }
            guard PQconsumeInput(session) == 1 else { throw giveUp(Self.message(of: session)) }
        }
        return PQgetResult(session)
    }

    /// Takes the result over, or throws the error that it is.
    private static func success(_ result: OpaquePointer) throws(PostgresError) -> PostgresResult {
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            return PostgresResult(result)
        default:
            defer { PQclear(result) }
            throw error(of: result)
        }
    }

    private func giveUp(_ reason: String) -> PostgresError {
        close()
        return .connectionLost(reason: reason)
    }

    private static func message(of session: OpaquePointer) -> String {
        String(cString: PQerrorMessage(session)).onOneLine
    }

    private static func error(of result: OpaquePointer) -> PostgresError {
        func field(_ code: Unicode.Scalar) -> String {
            PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) } ?? ""
        }
        return .server(SQLState(rawValue: field("C")), message: field("M").onOneLine)
    }
}

extension String {
    fileprivate var onOneLine: String {
        split(whereSeparator: \.isNewline).map { $0.trimmingPrefix(while: \.isWhitespace) }.joined(separator: " ")
    }
}
