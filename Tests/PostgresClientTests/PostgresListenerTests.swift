import ChatTestSupport
import PostgresClient
import Testing

@Suite(.timeLimit(.minutes(5)))
struct PostgresListenerTests {
    private typealias Event = PostgresListener.Event

    @Test func `notifications arrive in order with their channel and sender`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let sender = PostgresConnection(PostgresConfiguration(url: url))
            try await sender.open()
            let processID = try await sender.run { sender throws(PostgresError) in
                try sender.query("SELECT pg_backend_pid()::bigint").int64(0, row: 0)
            }
            let payloads = ["", "one\ntwo", "é 👋🏽 '; DROP TABLE chats; --", String(repeating: "x", count: 7_999)]
            try await withListener(PostgresConfiguration(url: url), channels: ["plain", "Odd \"one\""]) { events in
                #expect(await events.next() == .listening)
                try await sender.run { sender throws(PostgresError) in
                    try sender.execute("NOTIFY other, 'unheard'; NOTIFY plain")
                    _ = try sender.query(
                        "SELECT pg_notify('Odd \"one\"', payload) FROM unnest($1::text[]) AS payload",
                        [.textArray(payloads)]
                    )
                }
                for (channel, payload) in [("plain", "")] + payloads.map({ ("Odd \"one\"", $0) }) {
                    guard case .notification(let notification) = await events.next() else {
                        Issue.record("another event came instead of \(payload)")
                        return
                    }
                    #expect(notification.channel == channel)
                    #expect(notification.payload == payload)
                    #expect(Int64(notification.processID) == processID)
                }
            }
            await sender.close()
        }
    }

    /// Data that the TLS library has already decrypted does not make the socket readable.
    @Test(.enabled(if: TestPostgres.authorities != nil, "the server must be of Scripts/with-postgres"))
    func `every notification sent over TLS is received`() async throws {
        let authorities = try #require(TestPostgres.authorities)
        try await TestPostgres.withDatabase(migrated: false) { url in
            let options = "?sslmode=verify-full&sslrootcert=\(authorities.own)"
            let encrypted = try #require(PostgresURL(url.connectionString + options))
            try await withListener(PostgresConfiguration(url: encrypted)) { events in
                #expect(await events.next() == .listening)
                for count in [1, 2, 3, 200] {
                    try await TestPostgres.execute(
                        """
                        SELECT pg_notify('plain', rpad(number::text, 8000 - 7 * number, '-'))
                        FROM generate_series(1, \(count)) AS number
                        """,
                        on: url
                    )
                    for number in 1...count {
                        guard case .notification(let notification) = await events.next() else {
                            Issue.record("another event came instead of \(number)")
                            return
                        }
                        #expect(notification.payload.utf8.count == 8_000 - 7 * number)
                        #expect(notification.payload.hasPrefix("\(number)-"))
                    }
                }
            }
        }
    }

    @Test func `a listener whose session is terminated listens again and says so`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await withListener(PostgresConfiguration(url: url)) { events in
                #expect(await events.next() == .listening)
                for round in 1...3 {
                    try await TestPostgres.execute(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid()
                        """,
                        on: url
                    )
                    Self.expectLoss(await events.next())
                    #expect(await events.next() == .listening)
                    try await TestPostgres.execute("NOTIFY plain, '\(round)'", on: url)
                    guard case .notification(let notification) = await events.next() else {
                        Issue.record("nothing was heard in round \(round)")
                        return
                    }
                    #expect(notification.payload == "\(round)")
                }
            }
        }
    }

    @Test(arguments: [CuttingProxy.Step.cutBefore, .cutAfter])
    func `a connection that breaks while idle is noticed`(_ cut: CuttingProxy.Step) async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await CuttingProxy.withProxy(to: url) { proxy in
                let configuration = PostgresConfiguration(url: try url.through(proxy), connectTimeout: .seconds(60))
                try await withListener(configuration, idleTimeout: .milliseconds(20)) { events in
                    #expect(await events.next() == .listening)
                    proxy.plan([cut])
                    Self.expectLoss(await events.next())
                    #expect(await events.next() == .listening)
                }
            }
        }
    }

    @Test func `an unreachable server is tried again`() async throws {
        let url = try #require(PostgresURL("postgresql://127.0.0.1:1/x"))
        try await withListener(PostgresConfiguration(url: url)) { events in
            for _ in 0..<3 {
                guard case .failed(.connectionFailed) = await events.next() else {
                    Issue.record("it should not have connected")
                    return
                }
            }
        }
    }

    @Test func `listening can be stopped at once in any state`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await withSilentServer { port in
                let silent = try #require(PostgresURL("postgresql://127.0.0.1:\(port)/x"))
                for (url, isAwaited) in [(url, true), (silent, false)] {
                    let configuration = PostgresConfiguration(url: url, connectTimeout: .seconds(3_600))
                    let duration = try await ContinuousClock().measure {
                        try await withListener(configuration, idleTimeout: .seconds(3_600)) { events in
                            if isAwaited {
                                #expect(await events.next() == .listening)
                            }
                        }
                    }
                    #expect(duration < .seconds(60))
                }
            }
            try await Self.waitUntilNoSessionIsLeft(on: url)
        }
    }

    @Test func `a rejected channel is reported and leaves no session behind`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await withListener(PostgresConfiguration(url: url), channels: [""]) { events in
                for _ in 0..<3 {
                    guard case .failed(.server) = await events.next() else {
                        Issue.record("no channel has an empty name")
                        return
                    }
                }
            }
            try await Self.waitUntilNoSessionIsLeft(on: url)
        }
    }

    @Test func `an interruption ends a statement`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let interruption = Interruption()
            let connection = PostgresConnection(
                PostgresConfiguration(url: url, statementTimeout: .seconds(3_600)),
                interruption: interruption
            )
            try await connection.open()
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let sleeping = Task {
                try await connection.run { connection throws(PostgresError) in
                    start.finish()
                    try connection.execute("SELECT pg_sleep(3600)")
                }
            }
            for await _ in started {}
            interruption.interrupt()
            await #expect(throws: PostgresError.connectionLost(reason: "no answer in time")) {
                try await sleeping.value
            }
        }
    }

    /// A backend ends shortly after its connection, so this polls, up to the suite's time limit.
    private static func waitUntilNoSessionIsLeft(on url: PostgresURL) async throws {
        while try await !TestPostgres.rows(
            """
            SELECT pid::text FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
            """,
            on: url
        ).isEmpty {
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private static func expectLoss(_ event: Event?) {
        guard case .failed(.connectionLost) = event else {
            Issue.record("got \(String(describing: event))")
            return
        }
    }
}

/// Runs a listener and ends it.
func withListener(
    _ configuration: PostgresConfiguration,
    channels: [String] = ["plain"],
    idleTimeout: Duration = .seconds(60),
    _ body: (inout AsyncStream<PostgresListener.Event>.Iterator) async throws -> Void
) async throws {
    let (events, sink) = AsyncStream.makeStream(of: PostgresListener.Event.self)
    let listener = PostgresListener(configuration, channels: channels, idleTimeout: idleTimeout)
    let listening = Task { await listener.run { sink.yield($0) } }
    defer { listening.cancel() }
    var iterator = events.makeAsyncIterator()
    try await body(&iterator)
    listening.cancel()
    await listening.value
}
