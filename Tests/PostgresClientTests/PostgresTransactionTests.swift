import ChatTestSupport
import PostgresClient
import Testing

@Suite(.timeLimit(.minutes(5)))
struct PostgresTransactionTests {
    /// The server responds to COMMIT without an error here, but commits nothing.
    @Test func `a transaction is committed only if the server says so`() async throws {
        let (failure, error, count) = try await withConnection { connection throws(PostgresError) in
            try connection.begin([.insert(1)])
            let failure = connection.error { () throws(PostgresError) in try connection.execute("SELECT 1 / 0") }
            let error = connection.error { () throws(PostgresError) in try connection.commit() }
            return (failure, error, try connection.query("SELECT count(*) FROM numbers").int64(0, row: 0))
        }
        #expect(failure == .server(SQLState(rawValue: "22012"), message: "division by zero"))
        #expect(error == .rolledBack)
        #expect(count == 0)
    }

    /// The server only warns if it commits without the standby that the settings require.
    @Test func `the outcome of a commit that comes with a warning is unknown`() async throws {
        let error = try await withConnection { connection throws(PostgresError) in
            try connection.execute(
                """
                CREATE FUNCTION pg_temp.warn() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE WARNING 'the wait was canceled'; RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER warn AFTER INSERT ON numbers DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION pg_temp.warn();
                """
            )
            let error = connection.error { () throws(PostgresError) in try connection.transact([.insert(1)]) }
            // A warning counts only for its own commit.
            try connection.transact([])
            return error
        }
        #expect(error == .server(.transactionResolutionUnknown, message: "the wait was canceled"))
    }

    @Test func `a failed transaction is rolled back and the session stays usable`() async throws {
        let (errors, numbers) = try await withConnection { connection throws(PostgresError) in
            var errors: [PostgresError?] = []
            errors.append(
                connection.error { () throws(PostgresError) in try connection.transact([.insert(1), .insert(1)]) }
            )
            errors.append(
                connection.error { () throws(PostgresError) in try connection.begin([.insert(2), .insert(2)]) }
            )
            try connection.begin([.insert(3)])
            errors.append(connection.error { () throws(PostgresError) in try connection.commit([.insert(3)]) })
            try connection.begin([.insert(4)])
            try connection.rollBack()
            try connection.transact([.insert(5)])
            try connection.begin([.insert(6)])
            try connection.commit([.insert(7)])
            let numbers = try connection.query("SELECT string_agg(number::text, ' ' ORDER BY number) FROM numbers")
                .text(0, row: 0)
            return (errors, numbers)
        }
        let duplicate = PostgresError.server(
            .uniqueViolation,
            message: #"duplicate key value violates unique constraint "numbers_pkey""#
        )
        #expect(errors == [duplicate, duplicate, duplicate])
        #expect(numbers == "5 6 7")
    }

    private func withConnection<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws -> Result {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let connection = PostgresConnection(PostgresConfiguration(url: url))
            try await connection.open()
            try await connection.execute("CREATE TABLE numbers (number bigint PRIMARY KEY)")
            let result = try await connection.run(body)
            await connection.close()
            return result
        }
    }
}

extension PostgresConnection {
    func error(of body: () throws(PostgresError) -> Void) -> PostgresError? {
        do throws(PostgresError) {
            try body()
            return nil
        } catch {
            return error
        }
    }
}

extension PostgresStatement {
    fileprivate static func insert(_ number: Int64) -> PostgresStatement {
        PostgresStatement("INSERT INTO numbers VALUES ($1)", [.int64(number)])
    }
}
