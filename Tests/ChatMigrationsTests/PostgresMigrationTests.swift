import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatTestSupport
import PostgresClient
import Testing

@Suite(.timeLimit(.minutes(5)))
struct PostgresMigrationTests {
    @Test func `many servers at once apply each migration only once`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await withThrowingTaskGroup { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await withDatabase(url) { try await MigrationRunner($0).migrate(.up, to: .head) }
                    }
                }
                try await group.waitForAll()
            }
            try await withDatabase(url) { try await MigrationRunner($0).check() }
        }
    }

    @Test func `a failing migration leaves the previous version`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let broken = Migration(
                revision: "0002",
                summary: "break",
                sqlite: Migration.Scripts(up: "", down: ""),
                postgresql: Migration.Scripts(up: "CREATE TABLE half (a INTEGER); SELECT 1 / 0;", down: "")
            )
            try await withDatabase(url) { database in
                let runner = MigrationRunner(database, migrations: [[Migration].three[0], broken])
                await #expect(throws: PostgresError.server(SQLState(rawValue: "22012"), message: "division by zero")) {
                    try await runner.migrate(.up, to: .head)
                }
                let revision = try await runner.currentRevision()
                #expect(revision == "0001")
            }
            let tables = try await TestPostgres.rows(
                "SELECT to_regclass('half')::text, to_regclass('t1')::text",
                on: url
            )
            #expect(tables == [[nil, "t1"]])
        }
    }

    @Test func `a migration whose backend dies leaves the previous version`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let killed = Migration(
                revision: "0002",
                summary: "die",
                sqlite: Migration.Scripts(up: "", down: ""),
                postgresql: Migration.Scripts(
                    up: "CREATE TABLE half (a INTEGER); SELECT pg_terminate_backend(pg_backend_pid());",
                    down: ""
                )
            )
            try await withDatabase(url) { database in
                let runner = MigrationRunner(database, migrations: [[Migration].three[0], killed])
                await #expect(throws: PostgresError.self) { try await runner.migrate(.up, to: .head) }
                let revision = try await runner.currentRevision()
                #expect(revision == "0001")
            }
            #expect(try await TestPostgres.rows("SELECT to_regclass('half')::text", on: url) == [[nil]])
        }
    }

    /// The tables that Alembic created for the service that this one replaces, with its names and types.
    private static func originalTables(_ idType: String) -> String {
        """
        CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY);
        INSERT INTO alembic_version VALUES ('a1b2c3d4e5f6');
        CREATE SEQUENCE chats_id_seq AS \(idType);
        CREATE TABLE chats (
            id \(idType) NOT NULL DEFAULT nextval('chats_id_seq'), title varchar(200) NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(), CONSTRAINT pk_chats PRIMARY KEY (id));
        ALTER SEQUENCE chats_id_seq OWNED BY chats.id;
        CREATE TABLE messages (
            id \(idType == "integer" ? "serial" : "bigserial") PRIMARY KEY,
            chat_id \(idType) NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
            text varchar(5000) NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
        CREATE INDEX ix_messages_chat_id ON messages (chat_id);
        INSERT INTO chats (title, created_at) VALUES
            ('first', '2024-01-01 10:00:00+00'), ('gone', now()), ('empty', '2024-01-01 12:00:00.123456+02');
        DELETE FROM chats WHERE title = 'gone';
        INSERT INTO messages (chat_id, text, created_at) VALUES
            (1, 'one', '2024-01-02 10:00:00+00'), (1, 'late', '2024-01-02 09:59:59+00'),
            (1, 'two', '2024-01-03 10:00:00+00');
        DELETE FROM messages WHERE id = 3;
        """
    }

    @Test(arguments: ["integer", "bigint"])
    func `the original service's database is adopted`(_ idType: String) async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await TestPostgres.execute(Self.originalTables(idType), on: url)
            for _ in 0..<2 {
                try await withDatabase(url) { database in
                    try await MigrationRunner(database).migrate(.up, to: .head)
                    let store = PostgresStore(database)
                    let first = try await store.chat(1, newestMessages: 20)
                    #expect(first.chat.title == "first")
                    #expect(first.messages.prefix(2).map(\.id.rawValue) == [1, 2])
                    #expect(first.messages.prefix(2).map(\.text) == ["one", "late"])
                    #expect(first.messages.map(\.position.rawValue) == Array(1...Int64(first.messages.count)))
                    #expect(first.messages.allSatisfy { $0.author == nil })
                    #expect(zip(first.messages, first.messages.dropFirst()).allSatisfy { $0.createdAt <= $1.createdAt })
                    let empty = try await store.chat(3, newestMessages: 20)
                    #expect(empty.messages == [])
                    #expect(empty.chat.createdAt.microsecondsSinceEpoch == 1_704_103_200_123_456)

                    // The service continues: new ids come after all old ones, deleted ones included.
                    let message = try await store.postMessage(MessageText("new"), to: 1)
                    #expect(message.id.rawValue == Int64(first.messages.count) + 2)
                    #expect(message.position.rawValue == Int64(first.messages.count) + 1)
                    // Back to the original tables with every row, to be adopted again in the second pass.
                    try await MigrationRunner(database).migrate(.down, to: .base)
                }
                let rows = try await TestPostgres.rows("SELECT count(*)::text, max(id)::text FROM messages", on: url)
                #expect(rows == [["3", "4"]] || rows == [["4", "5"]])
            }
        }
    }

    /// Databases not created by Alembic alone: partly restored, edited by hand, moved from elsewhere.
    @Test(arguments: [
        "id bigint PRIMARY KEY", "id integer PRIMARY KEY DEFAULT nextval('loose')", "id integer",
        "id bigint GENERATED ALWAYS AS IDENTITY", "id bigserial, id_twice integer DEFAULT 0, UNIQUE (id, id_twice)",
        "id bigint DEFAULT nextval('loose') CHECK (id > 0)",
    ])
    func `ids are adopted no matter how they were generated`(_ id: String) async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await TestPostgres.execute(
                """
                CREATE SEQUENCE loose START 41;
                CREATE TABLE chats (\(id), title text DEFAULT '', created_at timestamp DEFAULT now());
                CREATE TABLE messages (\(id), chat_id integer, text text, created_at timestamptz);
                INSERT INTO chats (id, title, created_at) OVERRIDING SYSTEM VALUE VALUES (7, 'seven', '2024-01-01 10:00');
                INSERT INTO messages (id, chat_id, text, created_at) OVERRIDING SYSTEM VALUE VALUES (9, 7, 'nine', now());
                SELECT nextval('loose'), nextval('loose');
                """,
                on: url
            )
            try await withDatabase(url) { database in
                try await MigrationRunner(database).migrate(.up, to: .head)
                let store = PostgresStore(database)
                let old = try await store.chat(7, newestMessages: 20)
                #expect(old.chat.createdAt.microsecondsSinceEpoch == 1_704_103_200_000_000)
                #expect(old.messages.map(\.id.rawValue) == [9])
                let new = try await store.createChat(titled: ChatTitle("new"))
                let message = try await store.postMessage(MessageText("new"), to: 7)
                let isDrawnFromSequence = id.contains("loose")
                #expect(new.id.rawValue == (isDrawnFromSequence ? 43 : 8))
                #expect(message.id.rawValue == (isDrawnFromSequence ? 43 : 10))
                #expect(message.position == 2)
            }
        }
    }

    @Test func `rows that cannot be adopted are named and left unchanged`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await TestPostgres.execute(
                """
                CREATE TABLE chats (id bigint, title text, created_at timestamptz);
                CREATE TABLE messages (id bigint, chat_id bigint, text text, created_at timestamptz);
                INSERT INTO chats SELECT n, '', now() FROM generate_series(1, 12) AS n;
                INSERT INTO chats VALUES
                    (20, NULL, now()), (21, 'x', NULL), (22, 'x', 'infinity'), (23, 'x', now()), (23, 'x', now()),
                    (24, repeat('x', 201), now()), (NULL, 'x', now()), (0, 'x', now());
                INSERT INTO messages VALUES
                    (1, NULL, 'x', now()), (2, 99, 'x', now()), (3, 1, '', now()), (4, 1, repeat('x', 5001), now()),
                    (5, 1, NULL, now()), (6, 1, 'x', NULL), (7, 1, 'x', now()), (7, 1, 'x', now());
                """,
                on: url
            )
            let refusal = MigrationError.refused(
                reason: """
                    cannot adopt rows with an unusable value, by their ids: chats.created_at (21, 22); \
                    chats.id (0, 23, 23, null); chats.title (1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 4 more); \
                    messages.chat_id (1, 2); messages.created_at (6); messages.id (7, 7); messages.text (3, 4, 5)
                    """
            )
            try await withDatabase(url) { database in
                let runner = MigrationRunner(database)
                await #expect(throws: refusal) { try await runner.migrate(.up, to: .head) }
                let revision = try await runner.currentRevision()
                #expect(revision == "base")
            }
            let types = try await TestPostgres.rows(
                """
                SELECT DISTINCT is_nullable::text FROM information_schema.columns
                WHERE table_name IN ('chats', 'messages')
                """,
                on: url
            )
            #expect(types == [["YES"]])
        }
    }

    @Test func `tables with further columns that need a value are not adopted`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await TestPostgres.execute(
                """
                CREATE TABLE chats (
                    id bigserial PRIMARY KEY, title text NOT NULL, created_at timestamptz NOT NULL, owner text NOT NULL,
                    topic text, color text NOT NULL DEFAULT 'red');
                """,
                on: url
            )
            let refusal = MigrationError.refused(
                reason: "cannot adopt tables whose further columns need a value: chats.owner"
            )
            try await withDatabase(url) { database in
                await #expect(throws: refusal) { try await MigrationRunner(database).migrate(.up, to: .head) }
            }
        }
    }

    /// A migration that waits for a table's lock would make every other session wait behind it.
    @Test func `a migration that waits for a reader lets other readers pass`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await TestPostgres.execute(
                """
                CREATE TABLE chats (id bigserial PRIMARY KEY, title text, created_at timestamptz);
                CREATE TABLE messages (id bigserial PRIMARY KEY, chat_id bigint, text text, created_at timestamptz);
                """,
                on: url
            )
            let dump = PostgresConnection(PostgresConfiguration(url: url, statementTimeout: .seconds(300)))
            try await dump.open()
            try await dump.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM messages")
            let database = PostgresDatabase(
                PostgresConfiguration(url: url),
                poolSize: 1,
                migrationLockTimeout: .milliseconds(100)
            )
            let (waits, wait) = AsyncStream.makeStream(of: Void.self)
            async let steps = MigrationRunner(database).migrate(.up, to: .head, onWait: { wait.finish() })
            for await _ in waits {}
            // The dump still runs, and other sessions can read.
            for _ in 0..<20 {
                #expect(try await TestPostgres.rows("SELECT count(*)::text FROM messages", on: url) == [["0"]])
            }
            try await dump.execute("COMMIT")
            await dump.close()
            #expect(try await steps == Migration.all.count)
            try await MigrationRunner(database).check()
            await database.close()
        }
    }

    private func withDatabase(_ url: PostgresURL, _ body: (PostgresDatabase) async throws -> Void) async throws {
        let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 2)
        try await body(database)
        await database.close()
    }
}
