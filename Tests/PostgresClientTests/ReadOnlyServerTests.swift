import ChatTestSupport
import PostgresClient
import Testing

/// A server that accepted writes and no longer does.
@Suite(.timeLimit(.minutes(5)))
struct ReadOnlyServerTests {
    private static let ownServer: Comment = "the server must be of Scripts/with-postgres"

    @Test(.enabled(if: TestPostgres.readOnlyPort != nil, ownServer))
    func `once a write is rejected as read-only, every session leaves the server`() async throws {
        try await withTwoServers { url, one, other in
            let configuration = PostgresConfiguration(url: url)
            let (writer, reader) = (PostgresPool(configuration, size: 1), PostgresPool(configuration, size: 1))
            #expect(try await Self.port(of: writer) == Self.port(of: one))
            #expect(try await Self.port(of: reader) == Self.port(of: one))
            try await withListener(configuration) { events in
                #expect(await events.next() == .listening)
                try await Self.demote(one)
                await #expect(
                    throws: PostgresError.server(
                        .readOnlyTransaction,
                        message: "cannot execute CREATE TABLE in a read-only transaction"
                    )
                ) {
                    try await writer.withConnection { connection throws(PostgresError) in
                        // As a server does to its sessions when it reloads its configuration.
                        try connection.execute("SET default_transaction_read_only = on")
                        try connection.transact([PostgresStatement("CREATE TABLE numbers (number bigint)")])
                    }
                }
                #expect(
                    await events.next() == .failed(.connectionLost(reason: "the server has become read-only"))
                )
                #expect(await events.next() == .listening)
            }
            #expect(try await Self.port(of: writer) == Self.port(of: other))
            #expect(try await Self.port(of: reader) == Self.port(of: other))
            await writer.shutDown()
            await reader.shutDown()
        }
    }

    @Test(.enabled(if: TestPostgres.readOnlyPort != nil, ownServer))
    func `finding a server read-only has the same effect as a rejected write`() async throws {
        try await withTwoServers { url, one, other in
            let configuration = PostgresConfiguration(url: url)
            let (writer, reader) = (PostgresPool(configuration, size: 1), PostgresPool(configuration, size: 1))
            try await writer.withConnection { connection throws(PostgresError) in try connection.requireWritable() }
            #expect(try await Self.port(of: writer) == Self.port(of: one))
            #expect(try await Self.port(of: reader) == Self.port(of: one))
            try await Self.demote(one)
            await #expect(throws: PostgresError.server(.readOnlyTransaction, message: "the server is read-only")) {
                try await writer.withConnection { connection throws(PostgresError) in
                    try connection.execute("SET default_transaction_read_only = on")
                    try connection.requireWritable()
                }
            }
            #expect(try await Self.port(of: writer) == Self.port(of: other))
            #expect(try await Self.port(of: reader) == Self.port(of: other))
            await writer.shutDown()
            await reader.shutDown()
        }
    }

    /// With `any`, the pool would connect to the same server again.
    @Test(.enabled(if: TestPostgres.readOnlyPort != nil, ownServer))
    func `sessions stay if the URL allows any server`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let anywhere = try #require(PostgresURL(url.connectionString + "?target_session_attrs=any"))
            let pool = PostgresPool(PostgresConfiguration(url: anywhere), size: 1)
            var sessions: Set<Int64> = []
            for _ in 0..<2 {
                let session = try await pool.withConnection { connection throws(PostgresError) in
                    try connection.execute("SET default_transaction_read_only = on")
                    _ = connection.error { () throws(PostgresError) in try connection.requireWritable() }
                    return try connection.query("SELECT pg_backend_pid()::bigint").int64(0, row: 0)
                }
                sessions.insert(session)
            }
            #expect(sessions.count == 1)
            await pool.shutDown()
        }
    }

    /// Runs `body` with a URL that lists two servers, each with a database, and with the URL of each.
    private func withTwoServers(_ body: (PostgresURL, PostgresURL, PostgresURL) async throws -> Void) async throws {
        let port = try #require(TestPostgres.readOnlyPort)
        try await TestPostgres.withDatabase(migrated: false) { one in
            let name = try #require(one.connectionString.split(separator: "/").last)
            let server = try #require(
                PostgresURL("postgresql://postgres@127.0.0.1:\(port)/postgres?target_session_attrs=any")
            )
            try await Self.execute(
                ["CREATE DATABASE \(name)", "ALTER DATABASE \(name) SET default_transaction_read_only = off"],
                on: server
            )
            let other = try #require(PostgresURL("postgresql://postgres@127.0.0.1:\(port)/\(name)"))
            let both = try #require(
                PostgresURL(one.connectionString.replacing("/\(name)", with: ",127.0.0.1:\(port)/\(name)"))
            )
            try await body(both, one, other)
            try await Self.execute(["DROP DATABASE \(name) WITH (FORCE)"], on: server)
        }
    }

    private static func execute(_ statements: [String], on url: PostgresURL) async throws {
        let connection = PostgresConnection(PostgresConfiguration(url: url, statementTimeout: .seconds(60)))
        try await connection.open()
        try await connection.execute("SET default_transaction_read_only = off")
        for statement in statements {
            try await connection.execute(statement)
        }
        await connection.close()
    }

    /// Makes new sessions of the database read-only.
    private static func demote(_ url: PostgresURL) async throws {
        try await TestPostgres.execute(
            """
            DO $$ BEGIN
                EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
            END $$
            """,
            on: url
        )
    }

    /// The server of the pool's next session.
    private static func port(of pool: PostgresPool) async throws -> String {
        let port = try await pool.withConnection { connection throws(PostgresError) in
            try connection.query("SELECT inet_server_port()::bigint").int64(0, row: 0)
        }
        return String(port)
    }

    private static func port(of url: PostgresURL) throws -> String {
        String(try #require(url.connectionString.firstMatch(of: /:(\d+)\//)).output.1)
    }
}
