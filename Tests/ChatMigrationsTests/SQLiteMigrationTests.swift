import ChatDomain
import ChatMigrations
import ChatSQLite
import ChatTestSupport
import GRDB
import Testing

@Suite struct SQLiteMigrationTests {
    @Test func `upgrading and downgrading take every step`() async throws {
        try await withDatabase { database in
            let runner = MigrationRunner(database, migrations: .three)
            #expect(try await runner.currentRevision() == "base")
            try await runner.migrate(.up, to: .relative(1))
            #expect(try await database.tables() == ["schema_migrations", "t1"])
            try await runner.migrate(.up, to: .head)
            #expect(try await runner.currentRevision() == "0003")
            try await runner.check()
            try await runner.migrate(.down, to: .revision("0001"))
            #expect(try await database.tables() == ["schema_migrations", "t1"])
            try await runner.migrate(.down, to: .base)
            #expect(try await database.tables() == ["schema_migrations"])
        }
    }

    @Test func `a failing migration leaves the previous version`() async throws {
        try await withDatabase { database in
            let broken = Migration(
                revision: "0002",
                summary: "break",
                sqlite: Migration.Scripts(
                    up: "CREATE TABLE half (a INTEGER); CREATE TABLE half (a INTEGER);",
                    down: ""
                ),
                postgresql: Migration.Scripts(up: "", down: "")
            )
            let runner = MigrationRunner(database, migrations: [[Migration].three[0], broken])
            await #expect(throws: (any Error).self) { try await runner.migrate(.up, to: .head) }
            let revision = try await runner.currentRevision()
            #expect(revision == "0001")
            #expect(try await database.tables() == ["schema_migrations", "t1"])
        }
    }

    @Test func `many runners at once apply each migration only once`() async throws {
        try await withTemporaryFolder { folder in
            try await withThrowingTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask {
                        let database = try SQLiteDatabase(SQLiteConfiguration(location: .file(folder + "/chat.db")))
                        try await MigrationRunner(database, migrations: .three).migrate(.up, to: .head)
                        try database.close()
                    }
                }
                try await group.waitForAll()
            }
            let database = try SQLiteDatabase(SQLiteConfiguration(location: .file(folder + "/chat.db")))
            #expect(try await MigrationRunner(database, migrations: .three).currentRevision() == "0003")
            try database.close()
        }
    }

    @Test func `a database that is behind or ahead is not ready`() async throws {
        try await withDatabase { database in
            let runner = MigrationRunner(database, migrations: .three)
            try await runner.migrate(.up, to: .relative(2))
            await #expect(throws: MigrationError.databaseIsBehind(current: "0002", head: "0003")) {
                try await runner.check()
            }
            let older = MigrationRunner(database, migrations: Array([Migration].three.prefix(1)))
            await #expect(throws: MigrationError.databaseIsNewer(revision: "0002")) { try await older.check() }
            await #expect(throws: MigrationError.databaseIsNewer(revision: "0002")) {
                try await older.migrate(.up, to: .head)
            }
        }
    }

    @Test func `stamping records a revision without running its migrations`() async throws {
        try await withDatabase { database in
            let runner = MigrationRunner(database, migrations: .three)
            try await runner.stamp(.revision("0002"))
            #expect(try await runner.currentRevision() == "0002")
            #expect(try await database.tables() == ["schema_migrations"])
            try await runner.stamp(.base)
            #expect(try await runner.currentRevision() == "base")
        }
    }

    @Test func `the printed script does what the runner does`() async throws {
        try await withDatabase { database in
            let runner = MigrationRunner(database, migrations: .three)
            let script = try await runner.script(.up, to: .head)
            #expect(try await database.tables() == [])
            try await database.writer.writeWithoutTransaction { try $0.execute(sql: script) }
            #expect(try await runner.currentRevision() == "0003")
            let down = try await runner.script(.down, to: .base)
            try await database.writer.writeWithoutTransaction { try $0.execute(sql: down) }
            #expect(try await database.tables() == ["schema_migrations"])
        }
    }

    @Test func `every migration can be reverted and applied again`() async throws {
        try await withDatabase { database in
            let runner = MigrationRunner(database)
            try await runner.migrate(.up, to: .head)
            let schema = try await database.schema()
            try await runner.migrate(.down, to: .base)
            #expect(try await database.tables() == ["schema_migrations"])
            try await runner.migrate(.up, to: .head)
            #expect(try await database.schema() == schema)
        }
    }

    private func withDatabase(_ body: (SQLiteDatabase) async throws -> Void) async throws {
        let database = try SQLiteDatabase(SQLiteConfiguration(location: .memory))
        try await body(database)
        try database.close()
    }
}

extension SQLiteDatabase {
    fileprivate func tables() async throws -> [String] {
        try await writer.read { database in
            try String.fetchAll(
                database,
                sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
            )
        }
    }

    fileprivate func schema() async throws -> [String] {
        try await writer.read { database in
            try String.fetchAll(database, sql: "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        }
    }
}
