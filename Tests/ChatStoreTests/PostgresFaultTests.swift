import ChatDomain
import ChatPostgres
import ChatTestSupport
import PostgresClient
import Testing

/// What happens to a database in production, made to happen.
@Suite(.timeLimit(.minutes(5)))
struct PostgresFaultTests {
    @Test func aPoolOfFourServesManyAtOnceAndOpensNoMore() async throws {
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url, poolSize: 4) { store in
                let chat = try await store.createChat(titled: ChatTitle("busy"))
                let text = try MessageText("hello")
                try await withThrowingTaskGroup { group in
                    for _ in 0..<256 {
                        group.addTask { _ = try await store.postMessage(text, to: chat.id) }
                    }
                    try await group.waitForAll()
                }
                let stored = try await store.chat(chat.id, newestMessages: 256).messages
                #expect(stored.map(\.position.rawValue) == Array(1...256))
                let sessions = try await Self.sessions(of: url)
                #expect(sessions.count <= 4)
            }
            // A backend ends a moment after its connection; the suite's time limit is the end of the patience.
            while try await !Self.sessions(of: url).isEmpty {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    @Test func terminatedBackendsAreReplacedAndNothingAcknowledgedIsLost() async throws {
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url, poolSize: 4) { store in
                let chat = try await store.createChat(titled: ChatTitle("shaken"))
                let acknowledged = try await withThrowingTaskGroup(of: [Message].self) { group in
                    for writer in 0..<8 {
                        group.addTask {
                            var messages: [Message] = []
                            for number in 0..<40 {
                                do throws(StoreError) {
                                    messages.append(try await store.postMessage(.numbered(writer, number), to: chat.id))
                                } catch {
                                    switch error {
                                    case .unavailable, .outcomeUnknown: break
                                    default: throw error
                                    }
                                }
                            }
                            return messages
                        }
                    }
                    for _ in 0..<10 {
                        try await Self.terminateSessions(of: url)
                    }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                let stored = try await store.chat(chat.id, newestMessages: 1_000).messages
                #expect(stored.map(\.position.rawValue) == Array(1...Int64(max(1, stored.count))))
                #expect(Set(stored.map(\.id)).isSuperset(of: acknowledged.map(\.id)))
                let byID = Dictionary(uniqueKeysWithValues: stored.map { ($0.id, $0) })
                #expect(acknowledged.allSatisfy { byID[$0.id] == $0 })
                // Whole again at once.
                _ = try await store.postMessage(.numbered(9, 9), to: chat.id)
                let sessions = try await Self.sessions(of: url)
                #expect(sessions.count <= 4)
            }
        }
    }

    /// A batch is two round trips: lock and read, then write and commit.
    @Test(
        arguments: [
            ([.cutBefore], false), ([.cutAfter], false), ([.pass, .cutBefore], false), ([.pass, .cutAfter], true),
        ] as [([CuttingProxy.Step], Bool)]
    )
    func aConnectionThatBreaksInACommitDoesNotLeaveTheOutcomeUnknown(
        _ steps: [CuttingProxy.Step],
        isCommitted: Bool
    ) async throws {
        try await TestPostgres.withDatabase { url in
            try await CuttingProxy.withProxy(to: url) { proxy in
                try await withPostgres(proxy.url, poolSize: 1) { store in
                    let chat = try await store.createChat(titled: ChatTitle("cut")).id
                    let first = try await store.postMessage(.numbered(1, 1), to: chat)
                    proxy.plan(steps)
                    if isCommitted {
                        let message = try await store.postMessage(.numbered(1, 2), to: chat)
                        #expect(message.position == Position(rawValue: 2))
                        #expect(try await store.chat(chat, newestMessages: 20).messages == [first, message])
                    } else {
                        let error = await #expect(throws: StoreError.self) {
                            try await store.postMessage(.numbered(1, 2), to: chat)
                        }
                        guard case .unavailable = error else {
                            Issue.record("got \(String(describing: error))")
                            return
                        }
                        #expect(try await store.chat(chat, newestMessages: 20).messages == [first])
                    }
                    let last = try await store.postMessage(.numbered(1, 3), to: chat)
                    #expect(last.position == Position(rawValue: isCommitted ? 3 : 2))
                }
            }
        }
    }

    @Test func aLockThatAnotherSessionHoldsIsUnavailableAndNotAHang() async throws {
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url) { patient in
                let chat = try await patient.createChat(titled: ChatTitle("locked"))
                let other = PostgresConnection(PostgresConfiguration(url: url))
                try await other.open()
                try await other.execute("BEGIN; SELECT * FROM chats FOR UPDATE")
                let configuration = PostgresConfiguration(url: url, statementTimeout: .milliseconds(200))
                let database = PostgresDatabase(configuration, poolSize: 1)
                await #expect(
                    throws: StoreError.unavailable(
                        reason: "PostgreSQL: canceling statement due to statement timeout (SQLSTATE 57014)"
                    )
                ) { try await PostgresStore(database).postMessage(.numbered(1, 1), to: chat.id) }
                await database.close()
                try await other.execute("ROLLBACK")
                await other.close()
                let message = try await patient.postMessage(.numbered(1, 2), to: chat.id)
                #expect(message.position == Position(rawValue: 1))
            }
        }
    }

    @Test func aPoolThatIsTakenIsUnavailableInTime() async throws {
        try await TestPostgres.withDatabase { url in
            let other = PostgresConnection(PostgresConfiguration(url: url))
            try await other.open()
            try await other.execute("SELECT pg_advisory_lock(1)")
            let database = PostgresDatabase(
                PostgresConfiguration(url: url, statementTimeout: .seconds(60)),
                poolSize: 1,
                leaseTimeout: .milliseconds(100)
            )
            let store = PostgresStore(database)
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            async let holder: Void = database.pool.withConnection { connection throws(PostgresError) in
                start.finish()
                try connection.execute("SET lock_timeout = 0; SELECT pg_advisory_lock(1)")
            }
            for await _ in started {}
            await #expect(
                throws: StoreError.unavailable(reason: "PostgreSQL: no database connection became free in time")
            ) { try await store.createChat(titled: ChatTitle("waiting")) }
            try await other.execute("SELECT pg_advisory_unlock(1)")
            await other.close()
            try await holder
            _ = try await store.createChat(titled: ChatTitle("free"))
            await database.close()
        }
    }

    @Test func aServerThatWouldLoseCommitsIsRefused() async throws {
        try await TestPostgres.withDatabase { url in
            // A URL can ask for it; the store does not let it.
            let careless = try #require(
                PostgresURL(url.connectionString + "?options=-c%20synchronous_commit%3Doff")
            )
            try await withPostgres(careless) { store in
                _ = try await store.createChat(titled: ChatTitle("durable"))
            }
        }
    }

    private static func sessions(of url: PostgresURL) async throws -> [[String?]] {
        try await TestPostgres.rows(
            """
            SELECT pid::text FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
            """,
            on: url
        )
    }

    private static func terminateSessions(of url: PostgresURL) async throws {
        _ = try await TestPostgres.rows(
            """
            SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """,
            on: url
        )
    }
}

extension MessageText {
    fileprivate static func numbered(_ writer: Int, _ number: Int) -> MessageText {
        guard let text = try? MessageText("message \(writer)-\(number)") else {
            preconditionFailure("the text is valid")
        }
        return text
    }
}
