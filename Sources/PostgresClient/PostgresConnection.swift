import CLibPQ
package import Executors
import Glibc

/// One session with a PostgreSQL server, confined to a thread of its own, on which it may block.
///
/// Its methods are synchronous inside the actor, so a closure given to `run` can perform a whole transaction in one
/// hop. An error that leaves the session in doubt closes the connection, and `isUsable` is false afterward.
package actor PostgresConnection {
    private let executor: ThreadExecutor
    let configuration: PostgresConfiguration
    private let interruption: Interruption?
    private var session: OpaquePointer?
    /// The sessions with the same server, which are all retired once it is found to be read-only.
    private var peers: ServerSessions?
    /// Whether a pooler may run each transaction in another session of the server.
    package private(set) var isPooled = false
    /// The names of prepared statements, by their SQL.
    private var preparedNames: [String: String] = [:]
    private let notices = PostgresNotices()
    /// Whether the database is distributed over several servers, so that statements run in parts.
    package private(set) var isDistributed = false
    /// The `synchronous_commit` of the nodes of a distributed database, from the default when the session opened.
    private(set) var nodeCommit = "on"

    /// Confines the actor to its thread, where blocking calls do not occupy Swift's cooperative pool.
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    /// Creates a connection without opening it.
    ///
    /// - Parameters:
    ///   - interruption: Ends all waits of the connection at once, whether for a result, a session or notifications.
    ///   - executor: The thread on which the connection may block.
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
    /// It notices without a round trip that the server has closed its end. Do not use it for a session that listens.
    package var isUsable: Bool {
        guard let session, PQstatus(session) == CONNECTION_OK, !isRetired else { return false }
        // Between statements a server sends only notifications and, before closing, its last error.
        return !socket(of: session).isReadable
    }

    /// Whether the session's server was found to be read-only although the URL asks for a writable one.
    var isRetired: Bool {
        peers?.areRetired ?? false
    }

    /// The first warning that the server has sent since the last pipeline began.
    var warning: String? {
        notices.warning
    }

    /// Whether a session is open and outside any transaction.
    package var isIdle: Bool {
        session.map { PQtransactionStatus($0) == PQTRANS_IDLE } ?? false
    }

    /// Whether a transaction is open, including a failed one.
    var isInTransaction: Bool {
        session.map { [PQTRANS_INTRANS, PQTRANS_INERROR].contains(PQtransactionStatus($0)) } ?? false
    }

    /// Cancels this session's statements from another thread; nil if there is no session.
    var cancelRequest: CancelRequest? {
        session.flatMap { CancelRequest(for: $0) }
    }

    /// Connects and configures the session.
    ///
    /// - Throws: `PostgresError.connectionFailed` for any failure, including a timeout.
    package func open() throws(PostgresError) {
        do throws(PostgresError) {
            let session = try connect()
            // Sending must also respect its deadline.
            guard PQsetnonblocking(session, 1) == 0 else {
                throw PostgresError.connectionFailed(reason: Self.message(of: session))
            }
            notices.receive(from: session)
            if configuration.url.wantsWritableServer {
                peers = configuration.servers.sessions(with: Self.address(of: session))
            }
            isPooled = try receive(PQsendQuery(session, setup(of: session)), from: session).rowCount == 0
            isDistributed = try findsDistributedTables()
            if isDistributed, try query("SHOW synchronous_commit").text(0, row: 0) == "remote_apply" {
                nodeCommit = "remote_apply"
            }
            if !configuration.opening.isEmpty { try transact(configuration.opening) }
        } catch .connectionFailed(let reason) {
            close()
            throw .connectionFailed(reason: reason)
        } catch {
            close()
            throw .connectionFailed(reason: error.description)
        }
    }

    /// Ends the session, and with it any uncommitted transaction.
    ///
    /// The connection can be opened again.
    package func close() {
        PQfinish(session)
        session = nil
        peers = nil
        isPooled = false
        isDistributed = false
        nodeCommit = "on"
        preparedNames = [:]
    }

    /// Runs `body` on the connection's thread.
    package func run<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) throws(PostgresError) -> Result {
        try body(self)
    }

    /// Runs one statement, which must not write unless a transaction is open.
    ///
    /// Behind a pooler, it runs in a read-only transaction of its own, because session settings do not persist there.
    ///
    /// - Parameter sql: A constant text: each is prepared once and kept for the life of the session.
    package func query(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> PostgresResult {
        let session = try requireSession()
        let statement = PostgresStatement(sql, parameters)
        guard isPooled, isIdle else {
            let sent = send(statement, as: try prepare(statement, in: session), to: session)
            return try receive(sent, from: session)
        }
        return try readAlone(statement)
    }

    /// Runs statements in order, in one round trip.
    ///
    /// The first failing statement keeps the later ones from running, and its error is thrown.
    ///
    /// - Parameter receive: Called with each statement's index and result; on a distributed database, once for each part
    ///   of the statement.
    func pipeline(
        _ statements: [PostgresStatement],
        receive: (Int, consuming PostgresResult) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        guard isDistributed else { return try send(statements, receive: receive) }
        let parts = statements.enumerated().flatMap { index, statement in statement.parts().map { (index, $0) } }
        try send(parts.map(\.1)) { index, result throws(PostgresError) in try receive(parts[index].0, result) }
    }

    private func send(
        _ statements: [PostgresStatement],
        receive: (Int, consuming PostgresResult) throws(PostgresError) -> Void
    ) throws(PostgresError) {
        let session = try requireSession()
        var names: [String?] = []
        for statement in statements {
            names.append(try prepare(statement, in: session))
        }
        notices.warning = nil
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
        // The result that marks the end of the pipeline.
        PQclear(try nextResult(of: session, before: deadline))
        guard PQstatus(session) == CONNECTION_OK, PQexitPipelineMode(session) == 1 else {
            throw giveUp(Self.message(of: session))
        }
        if let failure { throw failure }
    }

    /// Runs a script of any number of statements and discards their results.
    package func execute(_ script: String) throws(PostgresError) {
        let session = try requireSession()
        _ = try receive(PQsendQuery(session, script), from: session)
    }

    /// Blocks until notifications arrive on the session's channels.
    ///
    /// - Returns: The notifications in commit order; none at the deadline, on interruption, or once the session is
    ///   retired.
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

    /// Tries the URL's hosts as libpq does, but skips hosts that do not answer within their share of the time.
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
        // libpq expands the URL where `dbname` stands: later options override it, and it overrides earlier ones.
        let options = [
            ("application_name", "chat-api"),
            // Notice a vanished server within a minute if idle, or half a minute if data is unacknowledged.
            ("keepalives_idle", "30"),
            ("keepalives_interval", "10"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "30000"),
            // Of several hosts, choose the writable one.
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

    /// Sets the session's parameters, but not in a session that a pooler shares: a pooler reports process ids of its
    /// own to clients.
    ///
    /// - Returns: A query that returns no rows if there is a pooler.
    private func setup(of session: OpaquePointer) -> String {
        let parameters = configuration.parameters.merging(["default_transaction_isolation": "read committed"]) { $1 }
        let values = parameters.sorted { $0.key < $1.key }.map { "('\($0.key)', '\($0.value)')" }
        return """
            SELECT set_config(name, value, false) FROM (VALUES \(values.joined(separator: ", "))) AS parameter (name, value)
            WHERE pg_backend_pid() = \(PQbackendPID(session))
            """
    }

    /// Whether the database has the Citus extension.
    package func hasCitus() throws(PostgresError) -> Bool {
        try query("SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL").bool(0, row: 0)
    }

    /// Whether Citus distributes tables of the database.
    private func findsDistributedTables() throws(PostgresError) -> Bool {
        guard try hasCitus() else { return false }
        return try query("SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_partition WHERE partmethod = 'h')")
            .bool(0, row: 0)
    }

    /// Identifies which of the URL's servers the session is with.
    private static func address(of session: OpaquePointer) -> String {
        [PQhost(session), PQhostaddr(session), PQport(session)].map { $0.map { String(cString: $0) } ?? "" }
            .joined(separator: " ")
    }

    /// Waits until the session is open; false at the deadline.
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

    /// Prepares a statement, unless the session already has it.
    ///
    /// - Returns: The statement's name; nil behind a pooler, where the next session would not know it.
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

    /// The fallback for a server that does not cancel a statement at its timeout.
    private var answerDeadline: ContinuousClock.Instant {
        .now + configuration.statementTimeout + .seconds(1)
    }

    /// Waits for the results of what was sent; returns the last one or throws the first error.
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

    /// Waits for the next result; nil after a statement's last one.
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

    /// Takes ownership of a result, or throws the error that it contains.
    private func success(_ result: OpaquePointer) throws(PostgresError) -> PostgresResult {
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            return PostgresResult(result)
        default:
            defer { PQclear(result) }
            let error = error(of: result)
            if case .server(.readOnlyTransaction, _) = error { retire() }
            throw error
        }
    }

    /// Retires all sessions with this server; each is replaced once it is free.
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

    private func error(of result: OpaquePointer) -> PostgresError {
        let state = SQLState(rawValue: Self.field("C", of: result))
        // Citus reports a node's connection that breaks during a statement as an internal error.
        let isNodeFailure = isDistributed && state == .internalError
        let message = Self.field("M", of: result)
        if isNodeFailure { return .server(.connectionFailure, message: "\(message) (reported as \(state.rawValue))") }
        return .server(state, message: message)
    }

    /// A field of an error or a notice, on one line; empty if it has none.
    static func field(_ code: Unicode.Scalar, of result: OpaquePointer?) -> String {
        PQresultErrorField(result, Int32(code.value)).map { String(cString: $0).onOneLine } ?? ""
    }
}

extension String {
    fileprivate var onOneLine: String {
        split(whereSeparator: \.isNewline).map { $0.trimmingPrefix(while: \.isWhitespace) }.joined(separator: " ")
    }
}
