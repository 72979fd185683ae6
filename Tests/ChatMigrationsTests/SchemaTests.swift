import ChatDomain
import ChatMigrations
import ChatPostgres
import ChatSQLite
import ChatTestSupport
import PostgresClient
import Testing

/// The schema itself is checked, not only what the version table says about it.
@Suite(.timeLimit(.minutes(5)))
struct SchemaTests {
    /// The program's descriptions match what the migrations really create.
    @Test(arguments: DatabaseKind.allCases)
    func `every revision's description matches the database's`(_ kind: DatabaseKind) async throws {
        try await withDatabase(kind) { database, _, sql in
            for migration in Migration.all {
                try await MigrationRunner(database).migrate(.up, to: .revision(migration.revision))
                let schema = migration.scripts(for: kind).schema
                let tables = try await sql.rows(
                    kind == .sqlite
                        ? "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                        : "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"
                )
                let names = Set(tables.compactMap { $0[0] }).subtracting(["schema_migrations"])
                #expect(try await database.read { try $0.schemaObjects(of: names) } == schema)
            }
        }
    }

    @Test(arguments: [
        (DatabaseKind.sqlite, "DROP INDEX messages_id", "messages: index messages_id as a33710e80652de11"),
        (.sqlite, "DROP TABLE changes", "changes: table changes as 0bbb607ba71f1d3d"),
        (.sqlite, "ALTER TABLE messages DROP COLUMN reply_to", "messages: table messages as 14e36f47625d4ae6"),
        (
            .sqlite, "DROP INDEX chats_deleted_at; CREATE INDEX chats_deleted_at ON chats (deleted_at)",
            "chats: index chats_deleted_at as 90b3eab8913f4800"
        ),
        (.postgresql, "DROP INDEX messages_id", "messages: UNIQUE INDEX btree (id, chat_id)"),
        (.postgresql, "ALTER TABLE messages DROP COLUMN reply_to", "messages: reply_to bigint"),
        (.postgresql, "ALTER TABLE messages ALTER text DROP NOT NULL", "messages: text text not null"),
        (.postgresql, "ALTER TABLE history ALTER id DROP DEFAULT", "history: id bigint not null default 1"),
        (
            .postgresql, "ALTER TABLE changes DROP CONSTRAINT changes_chat_id_fkey",
            "changes: FOREIGN KEY (chat_id) REFERENCES chats(id) ON DELETE CASCADE"
        ),
    ])
    func `missing or changed objects are named`(_ kind: DatabaseKind, _ change: String, _ object: String) async throws {
        try await withDatabase(kind) { database, store, sql in
            let runner = MigrationRunner(database)
            try await runner.migrate(.up, to: .head)
            try await store.checkReadiness()
            try await sql.execute(change)
            let error = MigrationError.schemaDiffers(revision: "0004", missing: [object])
            await #expect(throws: error) { try await runner.check() }
            await #expect(throws: error) { try await runner.migrate(.up, to: .head) }
            await #expect(throws: error) { try await runner.stamp(.head) }
            await #expect(throws: StoreError.schemaMismatch(reason: error.description)) {
                try await store.checkReadiness()
            }
            #expect(error.description == "the schema does not match 0004: missing \(object)")
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func `objects that an operator added do not matter`(_ kind: DatabaseKind) async throws {
        try await withDatabase(kind) { database, store, sql in
            let runner = MigrationRunner(database)
            try await runner.migrate(.up, to: .head)
            try await sql.execute(
                """
                CREATE TABLE notes (id INTEGER PRIMARY KEY, chat_id BIGINT REFERENCES chats (id));
                CREATE INDEX messages_created_at ON messages (created_at);
                """
            )
            if kind == .postgresql {
                try await sql.execute(
                    """
                    ALTER TABLE chats ADD COLUMN note text;
                    ALTER INDEX messages_id RENAME TO renamed;
                    CREATE SCHEMA other;
                    CREATE TABLE other.messages (id text);
                    ALTER DATABASE \(try await sql.rows("SELECT current_database()::text")[0][0] ?? "")
                        SET IntervalStyle = 'iso_8601';
                    ALTER DATABASE \(try await sql.rows("SELECT current_database()::text")[0][0] ?? "")
                        SET standard_conforming_strings = 'off';
                    ALTER DATABASE \(try await sql.rows("SELECT current_database()::text")[0][0] ?? "")
                        SET TimeZone = 'Asia/Kolkata';
                    """
                )
            }
            try await runner.check()
            try await runner.stamp(.head)
            try await store.checkReadiness()
            if case .postgresql(let url) = sql {
                // A session that starts with those settings.
                let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 1)
                try await MigrationRunner(database).check()
                await database.close()
            }
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func `a schema whose revision record is gone is not created again`(_ kind: DatabaseKind) async throws {
        try await withDatabase(kind) { database, store, sql in
            let runner = MigrationRunner(database)
            try await runner.migrate(.up, to: .head)
            try await sql.execute("DELETE FROM schema_migrations")
            let error = MigrationError.schemaIsLater(revision: "base", actual: runner.headRevision)
            await #expect(throws: error) { try await runner.migrate(.up, to: .head) }
            #expect(error.description.hasSuffix("run chat-api migrate stamp \(runner.headRevision)"))
            try await runner.stamp(.head)
            try await store.checkReadiness()
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func `only the schema's own revision can be stamped, unless forced`(_ kind: DatabaseKind) async throws {
        try await withDatabase(kind) { database, _, _ in
            let runner = MigrationRunner(database)
            let schema = try #require(Migration.all.last).scripts(for: kind).schema
            await #expect(throws: MigrationError.schemaDiffers(revision: "0004", missing: schema.sorted())) {
                try await runner.stamp(.head)
            }
            #expect(try await runner.currentRevision() == "base")
            #expect(try await runner.stamp(.base) == "base")
            #expect(try await runner.stamp(.head, force: true) == "0004")
            await #expect(throws: MigrationError.self) { try await runner.check() }

            #expect(try await runner.stamp(.base) == "base")
            try await runner.migrate(.up, to: .head)
            await #expect(throws: MigrationError.schemaIsLater(revision: "base", actual: "0004")) {
                try await runner.stamp(.base)
            }
            try await runner.check()
        }
    }

    @Test(arguments: DatabaseKind.allCases)
    func `a downgrade's losses are known beforehand`(_ kind: DatabaseKind) async throws {
        try await withDatabase(kind) { database, _, _ in
            let runner = MigrationRunner(database)
            #expect(try await runner.losses(goingDownTo: .base) == [])
            try await runner.migrate(.up, to: .head)
            #expect(try await runner.losses(goingDownTo: .base).count == 4)
            #expect(try await runner.losses(goingDownTo: .head) == [])
        }
    }

    private func withDatabase(
        _ kind: DatabaseKind,
        _ body: (any MigrationDatabase, any ChatStore, DatabaseUnderTest) async throws -> Void
    ) async throws {
        switch kind {
        case .sqlite:
            let database = try SQLiteDatabase(SQLiteConfiguration(location: .memory))
            try await body(database, SQLiteStore(database), .sqlite(database))
            try database.close()
        case .postgresql:
            try await TestPostgres.withDatabase(migrated: false) { url in
                let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 1)
                try await body(database, PostgresStore(database), .postgresql(url))
                await database.close()
            }
        }
    }
}
