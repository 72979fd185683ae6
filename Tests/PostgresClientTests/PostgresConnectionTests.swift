import ChatTestSupport
import PostgresClient
import Testing

@Suite(.timeLimit(.minutes(5)))
struct PostgresConnectionTests {
    @Test(arguments: [0, 1, -1, .max, .min] as [Int64])
    func `bound values are read back unchanged`(_ number: Int64) async throws {
        let text = "é 👋🏽 '; DROP TABLE chats; --"
        let values = try await withConnection { connection throws(PostgresError) in
            let result = try connection.query(
                "SELECT $1::bigint, $2::text, $3::timestamptz, $4::text",
                [.int64(number), .text(text), .timestamp(microsecondsSinceEpoch: number / 1_000), .text(nil)]
            )
            return (
                number: try result.int64(0, row: 0), text: try result.text(1, row: 0),
                instant: try result.microsecondsSinceEpoch(2, row: 0), isNull: result.isNull(3, row: 0)
            )
        }
        #expect(values.number == number)
        #expect(values.text == text)
        #expect(values.instant == number / 1_000)
        #expect(values.isNull)
    }

    @Test(arguments: [(0, 0), (1, 0), (2, 0), (0, 1), (-1, 0)])
    func `a wrong column is an error and not a crash`(_ column: Int, _ row: Int) async throws {
        await #expect(throws: PostgresError.self) {
            try await withConnection { connection throws(PostgresError) in
                try connection.query("SELECT 'text'::text, NULL::bigint").int64(column, row: row)
            }
        }
    }

    @Test func `an error carries its SQLSTATE and the connection stays usable`() async throws {
        let (error, one) = try await withConnection { connection throws(PostgresError) in
            var error: PostgresError?
            do throws(PostgresError) {
                try connection.execute("SELECT * FROM nothing")
            } catch let caught {
                error = caught
            }
            return (error, try connection.query("SELECT 1::bigint").int64(0, row: 0))
        }
        #expect(error == .server(.undefinedTable, message: "relation \"nothing\" does not exist"))
        #expect(one == 1)
    }

    @Test func `a statement that takes too long is cancelled`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let configuration = PostgresConfiguration(url: url, statementTimeout: .seconds(1))
            let connection = PostgresConnection(configuration)
            try await connection.open()
            await #expect(
                throws: PostgresError.server(.queryCanceled, message: "canceling statement due to statement timeout")
            ) { try await connection.execute("SELECT pg_sleep(60)") }
            try await connection.execute("SELECT 1")
            await connection.close()
        }
    }

    @Test func `a transaction that is left open loses its locks`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let idle = PostgresConnection(PostgresConfiguration(url: url, statementTimeout: .milliseconds(500)))
            try await idle.open()
            try await idle.execute("BEGIN; SELECT pg_advisory_xact_lock(1)")
            let other = PostgresConnection(PostgresConfiguration(url: url, statementTimeout: .seconds(60)))
            try await other.open()
            try await other.execute("SELECT pg_advisory_lock(1)")
            let isUsable = await idle.isUsable
            #expect(!isUsable)
            await other.close()
        }
    }

    @Test func `a terminated backend is a lost connection`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let connection = PostgresConnection(PostgresConfiguration(url: url))
            try await connection.open()
            let error = await #expect(throws: PostgresError.self) {
                try await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            }
            guard case .connectionLost = error else {
                Issue.record("got \(String(describing: error))")
                return
            }
            let isUsable = await connection.isUsable
            #expect(!isUsable)
        }
    }

    @Test(arguments: ["postgresql://127.0.0.1:1/x", "postgresql://no.such.host.invalid/x"])
    func `a failure to connect is reported in one line`(_ text: String) async throws {
        let url = try #require(PostgresURL(text))
        let connection = PostgresConnection(PostgresConfiguration(url: url))
        let error = await #expect(throws: PostgresError.self) { try await connection.open() }
        #expect(error?.description.hasPrefix("cannot connect: ") == true)
        #expect(error?.description.contains("\n") == false)
    }

    private func withConnection<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws -> Result {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let connection = PostgresConnection(PostgresConfiguration(url: url))
            try await connection.open()
            let result = try await connection.run(body)
            await connection.close()
            return result
        }
    }
}
