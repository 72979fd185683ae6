import ChatTestSupport
import Foundation
import PostgresClient
import Testing

/// URLs that select a server: by TLS, by several hosts, by the required session attributes.
@Suite(.timeLimit(.minutes(5)))
struct PostgresServerChoiceTests {
    private static let ownServer: Comment = "the server must be of Scripts/with-postgres"

    @Test(.enabled(if: TestPostgres.authorities != nil, ownServer), arguments: ["verify-full", "require", "disable"])
    func `connections are encrypted as the URL asks`(_ mode: String) async throws {
        let authorities = try #require(TestPostgres.authorities)
        try await TestPostgres.withDatabase(migrated: false) { url in
            let url = try Self.url(url.connectionString + "?sslmode=\(mode)&sslrootcert=\(authorities.own)")
            let sessions = try await TestPostgres.rows(
                "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
                on: url
            )
            #expect(sessions == [[mode == "disable" ? "false" : "true"]])
        }
    }

    @Test(.enabled(if: TestPostgres.authorities != nil, ownServer))
    func `a cancellation reaches a server over TLS`() async throws {
        let authorities = try #require(TestPostgres.authorities)
        try await TestPostgres.withDatabase(migrated: false) { url in
            let url = try Self.url(url.connectionString + "?sslmode=verify-full&sslrootcert=\(authorities.own)")
            let pool = PostgresPool(PostgresConfiguration(url: url, statementTimeout: .seconds(3_600)), size: 1)
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let sleeper = Task {
                try await pool.withConnection { connection throws(PostgresError) in
                    start.finish()
                    try connection.execute("SELECT pg_sleep(3600)")
                }
            }
            for await _ in started {}
            sleeper.cancel()
            await #expect(
                throws: PostgresError.server(.queryCanceled, message: "canceling statement due to user request")
            ) { try await sleeper.value }
            await pool.shutDown()
        }
    }

    @Test(.enabled(if: TestPostgres.authorities != nil, ownServer))
    func `a certificate of another authority is rejected`() async throws {
        let authorities = try #require(TestPostgres.authorities)
        try await TestPostgres.withDatabase(migrated: false) { url in
            let url = try Self.url(url.connectionString + "?sslmode=verify-full&sslrootcert=\(authorities.other)")
            let complaint = try await Self.complaint(on: url)
            #expect(complaint.contains("certificate verify failed"))
        }
    }

    @Test func `an unreachable host is skipped`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let text = url.connectionString.replacing("@", with: "@127.0.0.1:1,", maxReplacements: 1)
            let rows = try await TestPostgres.rows("SELECT 'here'", on: Self.url(text))
            #expect(rows == [["here"]])
        }
    }

    @Test func `a silent host is skipped`() async throws {
        try await withSilentServer { port in
            try await TestPostgres.withDatabase(migrated: false) { url in
                let text = url.connectionString.replacing("@", with: "@127.0.0.1:\(port),", maxReplacements: 1)
                let rows = try await TestPostgres.rows("SELECT 'here'", on: Self.url(text))
                #expect(rows == [["here"]])
            }
            let url = try Self.url("postgresql://postgres:hunter2@127.0.0.1:\(port),127.0.0.1:\(port)/postgres")
            let connection = PostgresConnection(PostgresConfiguration(url: url, connectTimeout: .milliseconds(200)))
            await #expect(throws: PostgresError.connectionFailed(reason: "no answer within 0.2 seconds")) {
                try await connection.open()
            }
        }
    }

    /// The next host is reached through the default port's socket, which here leads to the tests' server.
    @Test(.enabled(if: TestPostgres.readOnlyPort != nil, ownServer))
    func `a silent host is skipped for one without a port`() async throws {
        try await withSilentServer { port in
            try await withTemporaryFolder { folder in
                try await TestPostgres.withDatabase(migrated: false) { url in
                    let settings = try await TestPostgres.rows(
                        "SELECT current_setting('unix_socket_directories'), current_setting('port')",
                        on: url
                    )
                    let (sockets, serverPort) = (try #require(settings[0][0]), try #require(settings[0][1]))
                    try FileManager.default.createSymbolicLink(
                        atPath: folder + "/.s.PGSQL.5432",
                        withDestinationPath: sockets + "/.s.PGSQL." + serverPort
                    )
                    let host = folder.replacing("/", with: "%2F")
                    let rows = try await TestPostgres.rows(
                        "SELECT 'here'",
                        on: Self.url(
                            url.connectionString.replacing("127.0.0.1:\(serverPort)", with: "127.0.0.1:\(port),\(host)")
                        )
                    )
                    #expect(rows == [["here"]])
                }
            }
        }
    }

    @Test(.enabled(if: TestPostgres.readOnlyPort != nil, ownServer), arguments: [true, false])
    func `a read-only host is skipped if the URL asks for a writable one`(_ isWanted: Bool) async throws {
        let port = try #require(TestPostgres.readOnlyPort)
        let text = try TestPostgres.server.connectionString
            .replacing("@", with: "@127.0.0.1:\(port),", maxReplacements: 1)
        let url = try Self.url(text + "?target_session_attrs=\(isWanted ? "read-write" : "any")")
        let sessions = try await TestPostgres.rows(
            "SELECT current_setting('default_transaction_read_only'), (inet_server_port() = \(port))::text",
            on: url
        )
        #expect(sessions == [isWanted ? ["off", "false"] : ["on", "true"]])
    }

    @Test(.enabled(if: TestPostgres.readOnlyPort != nil, ownServer))
    func `the error says why no host is suitable`() async throws {
        let port = try #require(TestPostgres.readOnlyPort)
        let url = try Self.url(
            "postgresql://postgres:hunter2@127.0.0.1:1,127.0.0.1:\(port)/postgres?target_session_attrs=read-write"
        )
        let complaint = try await Self.complaint(on: url)
        #expect(complaint.contains("port 1 failed: Connection refused"))
        #expect(complaint.contains("port \(port) failed: session is read-only"))
    }

    private static func url(_ text: String) throws -> PostgresURL {
        try #require(PostgresURL(text))
    }

    /// The error if no host accepts a connection: one line, without the password.
    private static func complaint(on url: PostgresURL) async throws -> String {
        let connection = PostgresConnection(PostgresConfiguration(url: url))
        let error = await #expect(throws: PostgresError.self) { try await connection.open() }
        let complaint = try #require(error).description
        #expect(complaint.hasPrefix("cannot connect: "))
        #expect(!complaint.contains("\n"))
        #expect(!complaint.contains("hunter2"))
        return complaint
    }
}
