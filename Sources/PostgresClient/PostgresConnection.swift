import CLibPQ
package import Executors
import Glibc

/// One session with a PostgreSQL server, confined to a thread of its own on which it may block.
///
/// Its methods are synchronous inside the actor: a closure given to `run` does a whole transaction in one hop. After an
/// error that leaves the session in doubt the connection is closed, and `isUsable` is false from then on.
package actor PostgresConnection {
    private let executor: ThreadExecutor
    let configuration: PostgresConfiguration
    private let interruption: Interruption?
    private var session: OpaquePointer?
    /// The sessions with this one's server, which end together once it is found to be read-only.
    private var peers: ServerSessions?
    /// Whether a pooler may carry out each transaction in another session of the server's.
    package private(set) var isPooled = false
    /// The names under which the server has the statements that were prepared, by their SQL.
    private var preparedNames: [String: String] = [:]

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    /// A connection that is not open yet.
    ///
    /// - Parameters:
    ///   - interruption: What ends the connection's waits at once, be it for the server's answer to a statement, for a
    ///     session or for notifications.
    ///   - executor: The thread on which it may block.
    package init(
        _ configuration: PostgresConfiguration,
        interruption: Interruption? = nil,
        executor: ThreadExecutor = ThreadExecutor()
    ) {
        self.executor = executor
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
        guard let session, PQstatus(session) == CONNECTION_OK, !isRetired else { return false }
        // Between statements a server sends nothing but its farewell, and notifications.
        return !socket(of: session).isReadable
    }

    /// Whether the session's server was found to be read-only where the URL asks for one that can be written to.
    var isRetired: Bool {
        peers?.areRetired ?? false
    }

    /// Whether the session is outside any transaction.
    package var isIdle: Bool {
        session.map { PQtransactionStatus($0) == PQTRANS_IDLE } ?? false
    }

    /// Whether a transaction is open, be it one that the server has given up.
    var isInTransaction: Bool {
        session.map { [PQTRANS_INTRANS, PQTRANS_INERROR].contains(PQtransactionStatus($0)) } ?? false
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
            if configuration.url.wantsWritableServer {
                peers = configuration.servers.sessions(with: Self.address(of: session))
            }
            isPooled = try receive(PQsendQuery(session, setup(of: session)), from: session).rowCount == 0
            if !configuration.opening.isEmpty { try transact(configuration.opening) }
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
        peers = nil
        isPooled = false
        preparedNames = [:]
    }

    /// Runs `body` on the connection's thread.
    package func run<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) throws(PostgresError) -> Result {
        try body(self)
    }

    /// Runs one statement that writes nothing, unless a transaction is open.
    ///
    /// Behind a pooler it has a read-only transaction of its own, since nothing that was set for the session holds there.
    ///
    /// - Parameter sql: The program's own text: each is prepared once and kept for the life of the connection.
    package func query(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> PostgresResult {
        let session = try requireSession()
        let statement = PostgresStatement(sql, parameters)
        guard isPooled, isIdle else {
            let sent = send(statement, as: try prepare(statement, in: session), to: session)
            return try receive(sent, from: session)
        }
        return try readAlone(statement)
    }

    /// Runs statements in their order in one round trip.
    ///
    /// The first that fails keeps the others behind it from being run, and its error is thrown.
    ///
    /// - Parameter receive: Given each statement's index and result.
    func pipeline(
        _ statements: [PostgresStatement],
        receive: (Int, consuming PostgresResult) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        let session = try requireSession()
        var names: [String?] = []
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
                    let result = try success(result)
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
    /// - Returns: Those that came, in the order of their commits; none when the time is over or the session is retired.
    package func notifications(
        until deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> [PostgresNotification] {
        let session = try requireSession()
        let socket = PollSocket(PQsocket(session), interruptions: [interruption, peers?.retirement])
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
        PollSocket(PQsocket(session), interruptions: [interruption])
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
            let others = hosts.filter { ![$0.name, $0.address].contains(silent) || $0.port != port }
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

    /// Sets the session's parameters, without a trace in a session that others use, too: a pooler's clients know their
    /// sessions by numbers that are the pooler's own.
    ///
    /// - Returns: A query without rows where there is a pooler.
    private func setup(of session: OpaquePointer) -> String {
        let parameters = configuration.parameters.merging(["default_transaction_isolation": "read committed"]) { $1 }
        let values = parameters.sorted { $0.key < $1.key }.map { "('\($0.key)', '\($0.value)')" }
        return """
            SELECT set_config(name, value, false) FROM (VALUES \(values.joined(separator: ", "))) AS parameter (name, value)
            WHERE pg_backend_pid() = \(PQbackendPID(session))
            """
    }

    /// Which of the URL's servers it is.
    private static func address(of session: OpaquePointer) -> String {
        [PQhost(session), PQhostaddr(session), PQport(session)].map { $0.map { String(cString: $0) } ?? "" }
            .joined(separator: " ")
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

    /// - Returns: The statement's name; nil behind a pooler, where a name means nothing in the next session.
    private func prepare(
        _ statement: PostgresStatement,
        in session: OpaquePointer
    ) throws(PostgresError) -> String? {
        if isPooled { return nil }
        if let name = preparedNames[statement.sql] { return name }
        let name = "s\(preparedNames.count)"
        let types = statement.parameters.map(\.type)
        _ = try receive(PQsendPrepare(session, name, statement.sql, Int32(types.count), types), from: session)
        preparedNames[statement.sql] = name
        return name
    }

    private func send(_ statement: PostgresStatement, as name: String?, to session: OpaquePointer) -> Int32 {
        statement.parameters.withUnsafeBinding { values, lengths, formats in
            let count = Int32(formats.count)
            guard let name else {
                let types = statement.parameters.map(\.type)
                return PQsendQueryParams(session, statement.sql, count, types, values, lengths, formats, 1)
            }
            return PQsendQueryPrepared(session, name, count, values, lengths, formats, 1)
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
                last = try success(result)
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
    private func success(_ result: OpaquePointer) throws(PostgresError) -> PostgresResult {
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            return PostgresResult(result)
        default:
            defer { PQclear(result) }
            let error = Self.error(of: result)
            if case .server(.readOnlyTransaction, _) = error { retire() }
            throw error
        }
    }

    /// Ends this session and its peers as soon as they are free.
    func retire() {
        peers?.retire()
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
