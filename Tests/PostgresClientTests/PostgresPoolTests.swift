import ChatTestSupport
import PostgresClient
import Testing

@Suite(.timeLimit(.minutes(5)))
struct PostgresPoolTests {
    @Test func `a pool knows how many of its connections are in use`() async throws {
        try await withPool { pool, _ in
            #expect(pool.load.inUse == 0)
            let inUse = try await pool.withConnection { _ throws(PostgresError) in pool.load.inUse }
            #expect(inUse == 1)
            #expect(pool.load.inUse == 0)
            #expect(pool.load.waiting == 0)
        }
    }

    @Test func `a cancelled task's statement ends on the server`() async throws {
        try await withPool { pool, url in
            let (backends, backend) = AsyncStream.makeStream(of: Int64.self)
            let sleeper = Task {
                try await pool.withConnection { connection throws(PostgresError) in
                    backend.yield(try connection.backend())
                    try connection.execute("SELECT pg_sleep(3600)")
                }
            }
            let sleeping = try #require(await backends.first { _ in true })
            sleeper.cancel()
            await #expect(
                throws: PostgresError.server(.queryCanceled, message: "canceling statement due to user request")
            ) { try await sleeper.value }
            // A backend ends shortly after its connection.
            while try await !TestPostgres.rows(
                "SELECT pid::text FROM pg_stat_activity WHERE pid = \(sleeping)",
                on: url
            ).isEmpty {
                try await Task.sleep(for: .milliseconds(20))
            }
            let next = try await pool.withConnection { connection throws(PostgresError) in try connection.backend() }
            #expect(next != sleeping)
        }
    }

    /// A task is cancelled before, during and after its transaction, with another lease always waiting behind it.
    @Test func `a cancellation affects no other task and no outcome is reported wrongly`() async throws {
        try await withPool { pool, url in
            try await TestPostgres.execute("CREATE TABLE attempts (number bigint PRIMARY KEY)", on: url)
            var committed: Set<String?> = []
            let attempts = 200
            for number in 0..<attempts {
                let attempt = Task {
                    try await pool.withConnection { connection throws(PostgresError) in
                        try connection.execute("BEGIN; SELECT pg_sleep(0.002)")
                        _ = try connection.query(
                            "INSERT INTO attempts (number) VALUES ($1)",
                            [.int64(Int64(number))]
                        )
                        try connection.execute("COMMIT")
                    }
                }
                async let next: Void = pool.withConnection { connection throws(PostgresError) in
                    try connection.execute("SELECT pg_sleep(0.002)")
                }
                // Cancel at times from before BEGIN to after the end; no event is as fine-grained as the clock.
                if number.isMultiple(of: 10) {
                    _ = await attempt.result
                } else {
                    try await Task.sleep(for: .microseconds(50 * number))
                }
                attempt.cancel()
                switch await attempt.result {
                case .success:
                    committed.insert("\(number)")
                case .failure(.cancelled as PostgresError), .failure(.server(.queryCanceled, _) as PostgresError):
                    break
                case .failure(let error):
                    throw error
                }
                try await next
            }
            let stored = try await TestPostgres.rows("SELECT number::text FROM attempts", on: url)
            #expect(Set(stored.joined()) == committed)
            #expect(committed.count < attempts)
        }
    }

    @Test func `a cancelled task does not wait for a connection`() async throws {
        try await withPool { pool, _ in
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let holder = Task {
                try await pool.withConnection { connection throws(PostgresError) in
                    start.finish()
                    try connection.execute("SELECT pg_sleep(3600)")
                }
            }
            for await _ in started {}
            let waiter = Task {
                try await pool.withConnection { connection throws(PostgresError) in try connection.backend() }
            }
            waiter.cancel()
            await #expect(throws: PostgresError.cancelled) { try await waiter.value }
            holder.cancel()
            await #expect(throws: PostgresError.self) { try await holder.value }
        }
    }

    @Test func `a connection is replaced when its lifetime is over`() async throws {
        for (lifetime, isReplaced) in [(Duration.seconds(1_800), false), (.zero, true)] {
            try await withPool(maximumLifetime: lifetime) { pool, _ in
                let first = try await pool.withConnection { connection throws(PostgresError) in
                    try connection.backend()
                }
                let second = try await pool.withConnection { connection throws(PostgresError) in
                    try connection.backend()
                }
                #expect((first != second) == isReplaced)
            }
        }
    }

    /// A pool of one connection, so that all leases use it in turn.
    private func withPool(
        maximumLifetime: Duration = .seconds(1_800),
        _ body: (PostgresPool, PostgresURL) async throws -> Void
    ) async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let pool = PostgresPool(
                PostgresConfiguration(url: url, statementTimeout: .seconds(3_600)),
                size: 1,
                leaseTimeout: .seconds(60),
                maximumLifetime: maximumLifetime
            )
            try await body(pool, url)
            await pool.shutDown()
        }
    }
}

extension PostgresConnection {
    /// The id of the process that serves the session.
    fileprivate func backend() throws(PostgresError) -> Int64 {
        try query("SELECT pg_backend_pid()::bigint").int64(0, row: 0)
    }
}
