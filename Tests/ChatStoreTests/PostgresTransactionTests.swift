import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatTestSupport
import PostgresClient
import Testing

/// What every transaction guarantees, whatever the defaults of the server, the database and the role.
@Suite(.timeLimit(.minutes(5)))
struct PostgresTransactionTests {
    @Test(arguments: [("off", "on"), ("local", "on"), ("remote_write", "on"), ("remote_apply", "remote_apply")])
    func `every write survives a crash and sees what others have committed`(_ standard: String, _ expected: String)
        async throws
    {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await Self.recordSettings(in: url, synchronousCommit: standard)
            let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 2)
            try await database.requireDurability()
            let migrations = MigrationRunner(database)
            try await migrations.migrate(.up, to: .head)
            let long = try await Self.addLongChat(to: url)
            try await TestPostgres.execute(
                """
                DO $$ DECLARE name text; BEGIN
                    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'recorded' LOOP
                        EXECUTE 'CREATE TRIGGER record AFTER INSERT OR UPDATE OR DELETE ON ' || name
                            || ' EXECUTE FUNCTION record_write()';
                    END LOOP;
                END $$;
                DELETE FROM recorded WHERE source <> 'schema';
                """,
                on: url
            )
            try await carryOutEverything(on: PostgresStore(database, limits: .patient), long: long)
            try await migrations.stamp(.base, force: true)
            try await migrations.stamp(.head)
            await database.close()

            let recorded = try await TestPostgres.rows("SELECT DISTINCT source, settings FROM recorded", on: url)
            let sources = [
                "access_state", "changes", "chat_idempotency_keys", "chats", "messages", "schema", "schema_migrations",
                "server_keys", "users",
            ]
            #expect(Set(recorded.compactMap { $0[0] }).isSuperset(of: sources))
            #expect(Set(recorded.map { $0[1] }) == ["\(expected), read committed"])
        }
    }

    /// Sets unsafe defaults, and makes each statement that changes something record the settings it ran with.
    private static func recordSettings(in url: PostgresURL, synchronousCommit: String) async throws {
        try await TestPostgres.execute(
            """
            CREATE TABLE recorded (source text, settings text);
            CREATE FUNCTION record_write() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO recorded VALUES
                    (TG_TABLE_NAME, concat_ws(', ', current_setting('synchronous_commit'), current_setting('transaction_isolation')));
                RETURN NULL;
            END $$;
            CREATE FUNCTION record_schema() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO recorded VALUES
                    ('schema', concat_ws(', ', current_setting('synchronous_commit'), current_setting('transaction_isolation')));
            END $$;
            DO $$ BEGIN
                EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
                EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
                EXECUTE format(
                    'ALTER ROLE %I IN DATABASE %I SET synchronous_commit = \(synchronousCommit)',
                    current_user, current_database());
            END $$;
            CREATE EVENT TRIGGER record_schema ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE INDEX')
                EXECUTE FUNCTION record_schema();
            """,
            on: url
        )
    }

    /// Adds a chat so large that deleting it hides it, and a purge removes it later.
    private static func addLongChat(to url: PostgresURL) async throws -> ChatID {
        try await TestPostgres.execute(
            "INSERT INTO chats (title, created_at, last_entry_at) VALUES ('long', now(), now())",
            on: url
        )
        try await DatabaseUnderTest.postgresql(url).fill(1, messages: 10_001)
        return 1
    }
}
