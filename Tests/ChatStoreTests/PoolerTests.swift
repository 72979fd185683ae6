import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatTestSupport
import PostgresClient
import Testing

/// PgBouncer between the service and PostgreSQL.
@Suite(.timeLimit(.minutes(5)), .enabled(if: TestPostgres.hasPoolers, "PgBouncer must be installed"))
struct PoolerTests {
    /// Reads run in read-only transactions here, so this also proves that no read writes anything.
    @Test(arguments: [TestPostgres.PoolerMode.session, .transaction])
    func `everything works behind a pooler`(_ mode: TestPostgres.PoolerMode) async throws {
        try await TestPostgres.withDatabase(migrated: false) { direct in
            let url = try #require(TestPostgres.pooled(direct, mode))
            let database = PostgresDatabase(
                PostgresConfiguration(url: url),
                poolSize: 3,
                leaseTimeout: BatchLimits.patient.queueTimeout
            )
            try await database.requireDurability()
            try await MigrationRunner(database).migrate(.up, to: .head)
            try await TestPostgres.execute(
                "INSERT INTO chats (title, created_at, last_entry_at) VALUES ('long', now(), now())",
                on: direct
            )
            let long: ChatID = 1
            try await DatabaseUnderTest.postgresql(direct).fill(long.rawValue, messages: 10_001)
            let store = PostgresStore(database, limits: .patient)
            try await carryOutEverything(on: store, long: long)
            let chat = try await store.createChat(titled: ChatTitle("busy")).id
            try await withThrowingTaskGroup { group in
                for number in 1...200 {
                    group.addTask { _ = try await store.postMessage(MessageText("\(number)"), to: chat) }
                    group.addTask { _ = try await store.chat(chat, newestMessages: 20) }
                    group.addTask { _ = try await store.log(of: chat, after: 0, limit: 20) }
                }
                try await group.waitForAll()
            }
            let positions = try await store.chat(chat, newestMessages: 1_000).messages.map(\.position.rawValue)
            #expect(positions == Array(1...200))
            await database.close()
        }
    }

    /// The defaults, which also apply to the pooler's sessions, would lose acknowledged writes.
    @Test func `what is committed behind a pooler survives a crash`() async throws {
        try await TestPostgres.withDatabase { direct in
            try await TestPostgres.execute(
                """
                CREATE TABLE recorded (settings text);
                CREATE FUNCTION record_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    INSERT INTO recorded VALUES (concat_ws(
                        ', ', current_setting('synchronous_commit'), current_setting('transaction_isolation'),
                        current_setting('statement_timeout'), current_setting('lock_timeout')));
                    RETURN NULL;
                END $$;
                CREATE TRIGGER record AFTER INSERT ON messages EXECUTE FUNCTION record_write();
                DO $$ BEGIN
                    EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
                    EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
                END $$;
                """,
                on: direct
            )
            let url = try #require(TestPostgres.pooled(direct, .transaction))
            try await withPostgres(url) { store in
                let chat = try await store.createChat(titled: ChatTitle("durable")).id
                try await withThrowingTaskGroup { group in
                    for number in 1...160 {
                        group.addTask { _ = try await store.postMessage(MessageText("\(number)"), to: chat) }
                    }
                    try await group.waitForAll()
                }
            }
            let recorded = try await TestPostgres.rows("SELECT DISTINCT settings FROM recorded", on: direct)
            #expect(recorded == [["on, read committed, 10s, 1s"]])
            // The settings do not stick to the pooler's sessions, which others share.
            let pooled = PostgresConnection(PostgresConfiguration(url: url))
            try await pooled.open()
            let left = try await pooled.run { connection throws(PostgresError) in
                try connection.query("SELECT reset_val || setting FROM pg_settings WHERE name = 'synchronous_commit'")
                    .text(0, row: 0)
            }
            #expect(left == "offoff")
            await pooled.close()
        }
    }

    @Test(arguments: TestPostgres.PoolerMode.allCases)
    func `a pooler that shares sessions is recognized`(_ mode: TestPostgres.PoolerMode) async throws {
        try await TestPostgres.withDatabase(migrated: false) { direct in
            let url = try #require(TestPostgres.pooled(direct, mode))
            #expect(try await PostgresConfiguration(url: url).sharesSessions() == (mode != .session))
            let isSharedDirectly = try await PostgresConfiguration(url: direct).sharesSessions()
            #expect(!isSharedDirectly)
        }
    }

    @Test func `a pooler without transactions is rejected`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { direct in
            let url = try #require(TestPostgres.pooled(direct, .statement))
            let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 1)
            let error = await #expect(throws: StoreError.self) { try await database.requireDurability() }
            let reason = try #require(error).reason
            #expect(reason.hasSuffix("(a pooler must be in session or in transaction mode)"))
            await database.close()
        }
    }
}
