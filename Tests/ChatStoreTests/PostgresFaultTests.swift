import ChatDomain
import ChatPostgres
import ChatTestSupport
import PostgresClient
import Synchronization
import Testing

/// Faults of a production database, provoked on purpose.
@Suite(.timeLimit(.minutes(5)))
struct PostgresFaultTests {
    private final class Progress: Sendable {
        let acknowledged = Atomic(0)
    }

    @Test func `a pool of four and two shards serve many requests at once and open no more connections`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url, poolSize: 4) { store in
                let title = try ChatTitle("busy")
                let observer = PostgresConnection(PostgresConfiguration(url: url))
                try await observer.open()
                let mostSessions = try await withThrowingTaskGroup { group in
                    for number in 0..<256 as Range<Int64> {
                        group.addTask { _ = try await store.createChat(titled: title) }
                        group.addTask { _ = try await store.chats(withIDs: [ChatID(rawValue: number)]) }
                    }
                    var (mostSessions, chats): (Int64, Int64) = (0, 0)
                    while chats < 256 {
                        let (sessions, stored) = try await observer.run { observer throws(PostgresError) in
                            let result = try observer.query(
                                """
                                SELECT count(*), (SELECT count(*) FROM chats) FROM pg_stat_activity
                                WHERE datname = current_database() AND pid <> pg_backend_pid()
                                    AND backend_type = 'client backend'
                                """
                            )
                            return (try result.int64(0, row: 0), try result.int64(1, row: 0))
                        }
                        (mostSessions, chats) = (max(mostSessions, sessions), stored)
                    }
                    try await group.waitForAll()
                    return mostSessions
                }
                #expect(mostSessions <= 6)
                #expect(try await Self.sessions(of: url).count == 7)
                await observer.close()
            }
            // A backend ends shortly after its connection, so this polls, up to the suite's time limit.
            while try await !Self.sessions(of: url).isEmpty {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    /// Posts until it is cancelled, through outages.
    ///
    /// - Returns: The messages that the store acknowledged.
    private static func keepPosting(
        to chat: ChatID,
        of store: PostgresStore,
        as writer: Int,
        _ progress: Progress
    ) async throws -> [Message] {
        var messages: [Message] = []
        var number = 0
        while !Task.isCancelled {
            number += 1
            do throws(StoreError) {
                messages.append(try await store.postMessage(.numbered(writer, number), to: chat))
                progress.acknowledged.add(1, ordering: .relaxed)
            } catch {
                switch error {
                case .unavailable, .outcomeUnknown: break
                default: throw error
                }
            }
        }
        return messages
    }

    @Test func `terminated backends are replaced and nothing acknowledged is lost`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url, poolSize: 4) { store in
                let chat = try await store.createChat(titled: ChatTitle("shaken"))
                let progress = Progress()
                let acknowledged = try await withThrowingTaskGroup(of: [Message].self) { group in
                    for writer in 0..<8 {
                        group.addTask { try await Self.keepPosting(to: chat.id, of: store, as: writer, progress) }
                    }
                    // More than the pool's size, so some of the terminated sessions replaced earlier ones.
                    var terminated: Set<String> = []
                    while terminated.count < 10 {
                        terminated.formUnion(try await Self.terminateSessions(of: url))
                        // Posts continue in between; this polls, up to the suite's time limit.
                        let count = progress.acknowledged.load(ordering: .relaxed)
                        while progress.acknowledged.load(ordering: .relaxed) == count {
                            try await Task.sleep(for: .milliseconds(1))
                        }
                    }
                    group.cancelAll()
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                let stored = try await store.chat(chat.id, newestMessages: 100_000).messages
                #expect(stored.map(\.position.rawValue) == Array(1...Int64(stored.count)))
                #expect(Set(stored.map(\.id)).isSuperset(of: acknowledged.map(\.id)))
                let byID = Dictionary(uniqueKeysWithValues: stored.map { ($0.id, $0) })
                #expect(acknowledged.allSatisfy { byID[$0.id] == $0 })
                // The store recovers at once.
                _ = try await store.postMessage(.numbered(9, 9), to: chat.id)
                let sessions = try await Self.sessions(of: url)
                // The pool's sessions, and one for each of two shards.
                #expect((1...6).contains(sessions.count))
            }
        }
    }

    /// A batch is two round trips: lock and read, then write and commit.
    @Test(
        arguments: [
            ([.cutBefore], false), ([.cutAfter], false), ([.pass, .cutBefore], false), ([.pass, .cutAfter], true),
        ] as [([CuttingProxy.Step], Bool)]
    )
    func `a connection that breaks during a commit does not leave the outcome unknown`(
        _ steps: [CuttingProxy.Step],
        isCommitted: Bool
    ) async throws {
        try await TestPostgres.withDatabase { url in
            try await CuttingProxy.withProxy(to: url) { proxy in
                try await withPostgres(url.through(proxy), poolSize: 1) { store in
                    let chat = try await store.createChat(titled: ChatTitle("cut")).id
                    let first = try await store.postMessage(.numbered(1, 1), to: chat)
                    proxy.plan(steps)
                    if isCommitted {
                        let message = try await store.postMessage(.numbered(1, 2), to: chat)
                        #expect(message.position == 2)
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
                    #expect(last.position == (isCommitted ? 3 : 2))
                }
            }
        }
    }

    @Test func `a request blocked by another session's lock fails instead of hanging`() async throws {
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
                #expect(message.position == 1)
            }
        }
    }

    @Test func `a chat that another session locks does not delay the others of its shard`() async throws {
        try await TestPostgres.withDatabase { url in
            let database = PostgresDatabase(
                PostgresConfiguration(url: url, statementTimeout: .seconds(60)),
                poolSize: 4,
                shards: 1
            )
            let store = PostgresStore(database, limits: .patient)
            let locked = try await store.createChat(titled: ChatTitle("locked")).id
            var others: [ChatID] = []
            for number in 1...4 {
                others.append(try await store.createChat(titled: ChatTitle("other \(number)")).id)
            }
            let holder = PostgresConnection(PostgresConfiguration(url: url, statementTimeout: .seconds(60)))
            try await holder.open()
            try await holder.execute("BEGIN; SELECT FROM chats WHERE id = \(locked.rawValue) FOR UPDATE")

            let refusal = StoreError.unavailable(
                reason: "PostgreSQL: canceling statement due to lock timeout (SQLSTATE 55P03)"
            )
            let duration = try await ContinuousClock().measure {
                try await withThrowingTaskGroup { group in
                    for round in 1...3 {
                        group.addTask {
                            _ = await #expect(throws: refusal) {
                                try await store.postMessage(.numbered(0, round), to: locked)
                            }
                        }
                        for other in others {
                            group.addTask { _ = try await store.postMessage(.numbered(1, round), to: other) }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            // Two lock timeouts of 1 s for a batch and its locked chat, in up to three batches: far from 60 s.
            #expect(duration < .seconds(20))
            try await holder.execute("ROLLBACK")
            await holder.close()

            for chat in others + [locked] {
                _ = try await store.postMessage(.numbered(2, 1), to: chat)
                let positions = try await store.chat(chat, newestMessages: 20).messages.map(\.position.rawValue)
                #expect(positions == (chat == locked ? [1] : [1, 2, 3, 4]))
            }
            await database.close()
        }
    }

    /// With a lock on each row, and with one on the table.
    @Test(arguments: ["SELECT FROM chats FOR UPDATE", "LOCK TABLE chats IN ACCESS EXCLUSIVE MODE"])
    func `batches, and not single requests, wait for a table that another session locks`(_ lock: String) async throws {
        try await TestPostgres.withDatabase { url in
            let database = PostgresDatabase(
                PostgresConfiguration(url: url, statementTimeout: .seconds(60)),
                poolSize: 4
            )
            let store = PostgresStore(database, limits: .patient)
            var chats: [ChatID] = []
            for number in 0..<40 {
                chats.append(try await store.createChat(titled: ChatTitle("chat \(number)")).id)
            }
            let holder = PostgresConnection(PostgresConfiguration(url: url, statementTimeout: .seconds(60)))
            try await holder.open()
            try await holder.execute("BEGIN; \(lock)")
            let duration = try await ContinuousClock().measure {
                try await withThrowingTaskGroup { group in
                    for chat in chats {
                        group.addTask {
                            let error = await #expect(throws: StoreError.self) {
                                try await store.postMessage(.numbered(1, 1), to: chat)
                            }
                            #expect(error?.reason.contains("lock timeout (SQLSTATE 55P03)") == true)
                            guard case .unavailable = error else {
                                Issue.record("got \(String(describing: error))")
                                return
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            // At most, a few batches each wait for two lock timeouts of 1 s; request by request, it took 20 s.
            #expect(duration < .seconds(12))
            try await holder.execute("ROLLBACK")
            await holder.close()
            for chat in chats {
                #expect(try await store.postMessage(.numbered(2, 1), to: chat).position.rawValue == 1)
            }
            await database.close()
        }
    }

    @Test func `writes, searches and readiness checks do not wait for the connections of reads`() async throws {
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
            let chat = try await store.createChat(titled: ChatTitle("chat"))
            _ = try await store.postMessage(.numbered(1, 1), to: chat.id)
            #expect(try await store.chats(ChatListQuery(limit: 1, titlePart: "chat")).chats.map(\.id) == [chat.id])
            try await store.checkReadiness()
            try await store.deleteChat(chat.id)
            #expect(try await !store.purgeDeletedChats())
            try await other.execute("SELECT pg_advisory_unlock(1)")
            await other.close()
            try await holder
            await database.close()
        }
    }

    @Test func `a request that loses every race for a key fails as unavailable`() async throws {
        try await TestPostgres.withDatabase { url in
            // As if, at every attempt, another session took the key first and its chat were deleted again.
            try await TestPostgres.execute(
                """
                CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE unique_violation USING MESSAGE = 'taken'; END $$;
                CREATE TRIGGER lose BEFORE INSERT ON chat_idempotency_keys FOR EACH ROW EXECUTE FUNCTION lose();
                """,
                on: url
            )
            try await withPostgres(url) { store in
                let draft = ChatDraft(title: try ChatTitle("chat"), idempotencyKey: IdempotencyKey("k"))
                await #expect(throws: StoreError.unavailable(reason: "PostgreSQL: taken (SQLSTATE 40001)")) {
                    try await store.createChat(draft)
                }
            }
        }
    }

    @Test func `an exhausted pool makes the store unavailable within the timeout`() async throws {
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
            ) { try await store.chats(ChatListQuery(limit: 1)) }
            try await other.execute("SELECT pg_advisory_unlock(1)")
            await other.close()
            try await holder
            _ = try await store.chats(ChatListQuery(limit: 1))
            await database.close()
        }
    }

    @Test func `commits are synchronous whatever the URL asks for`() async throws {
        try await TestPostgres.withDatabase { url in
            // A URL can ask for it, but the store overrides it.
            let careless = try #require(
                PostgresURL(url.connectionString + "?options=-c%20synchronous_commit%3Doff")
            )
            try await withPostgres(careless) { store in
                _ = try await store.createChat(titled: ChatTitle("durable"))
            }
        }
    }

    @Test func `a database that would lose characters is rejected`() async throws {
        let ascii = "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
        try await TestPostgres.withDatabase(migrated: false, options: ascii) { url in
            try await Self.expectRefusal(of: url, "synchronous_commit=on, fsync=on, server_encoding=SQL_ASCII")
        }
    }

    @Test(.enabled(if: TestPostgres.readOnlyPort != nil, "the server must be of Scripts/with-postgres"))
    func `a server that does not wait for the disk is rejected`() async throws {
        let port = try #require(TestPostgres.readOnlyPort)
        let url = try #require(
            PostgresURL("postgresql://postgres@127.0.0.1:\(port)/postgres?target_session_attrs=any")
        )
        try await Self.expectRefusal(of: url, "synchronous_commit=on, fsync=off, server_encoding=UTF8")
    }

    private static func expectRefusal(of url: PostgresURL, _ settings: String) async throws {
        let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 1)
        await #expect(
            throws: StoreError.failed(reason: "PostgreSQL could lose acknowledged writes: \(settings)")
        ) { try await database.requireDurability() }
        await database.close()
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

    /// - Returns: The process ids of the terminated sessions.
    private static func terminateSessions(of url: PostgresURL) async throws -> [String] {
        try await TestPostgres.rows(
            """
            SELECT pid::text, pg_terminate_backend(pid)::text FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
            """,
            on: url
        ).compactMap { $0[0] }
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
