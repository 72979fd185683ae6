import ChatMigrations
import ChatTestSupport
import Foundation
import Testing

/// `chat-api migrate`, as a user of Alembic uses it.
@Suite(.timeLimit(.minutes(5)))
struct MigrateTests {
    @Test func `the schema can be upgraded, downgraded and upgraded again`() async throws {
        try await withTemporaryFolder { folder in
            let head = try #require(Migration.all.last).revision
            try makeEmptyDatabase(in: folder)
            func migrate(_ arguments: String...) async throws -> ChatAPIProcess.Outcome {
                try await ChatAPIProcess.run(arguments: ["migrate"] + arguments, in: folder)
            }
            #expect(try await migrate("current").output == "base\n")
            let behind = try await migrate("check")
            #expect(behind.status == 1)
            #expect(behind.errors.hasPrefix("Error: the schema is at base, but this chat-api needs \(head)"))

            let names = Migration.all.map { "\($0.revision) \($0.summary)\n" }
            #expect(names.first == "0001 create chats and messages\n")
            #expect(try await migrate("history").output == names.joined())
            #expect(try await migrate("upgrade").output == names.map { "applied " + $0 }.joined())
            #expect(try await migrate("upgrade", "head").output == "nothing to do: the schema is at \(head)\n")
            #expect(try await migrate("current").output == "\(head) (head)\n")
            #expect(try await migrate("check").status == 0)

            #expect(try await migrate("downgrade", "-1", "--yes").output == "reverted \(names.last ?? "")")
            #expect(try await migrate("check").status == 1)
            #expect(try await migrate("upgrade", "+1").status == 0)
            let reverted = names.reversed().map { "reverted " + $0 }.joined()
            #expect(try await migrate("downgrade", "base", "--yes").output == reverted)
            #expect(try await migrate("current").output == "base\n")
            #expect(try await migrate("downgrade", "base").output == "nothing to do: the schema is at base\n")
            #expect(try await migrate("stamp", "base").output == "stamped base; no migration was run\n")
            #expect(try await migrate("upgrade", head).status == 0)
            #expect(try await migrate("stamp", "head").output == "stamped \(head); no migration was run\n")
            #expect(try await migrate("current").output == "\(head) (head)\n")
        }
    }

    @Test func `only a database on Citus can be distributed`() async throws {
        try await withTemporaryFolder { folder in
            try makeEmptyDatabase(in: folder)
            #expect(try await ChatAPIProcess.run("migrate", "upgrade", in: folder).status == 0)
            let outcome = try await ChatAPIProcess.run("distribute", in: folder)
            #expect(outcome.status == 1)
            let reason = "the database has no Citus extension: distribute needs a PostgreSQL database on Citus"
            #expect(outcome.errors == "Error: \(reason)\n")
        }
    }

    @Test func `the script is printed and not run`() async throws {
        try await withTemporaryFolder { folder in
            try makeEmptyDatabase(in: folder)
            let printed = try await ChatAPIProcess.run("migrate", "upgrade", "--sql", in: folder)
            #expect(printed.status == 0)
            #expect(printed.output.contains("CREATE TABLE chats"))
            #expect(printed.output.contains("INSERT INTO schema_migrations (revision, checksum) VALUES ('0001', '"))
            #expect(try await ChatAPIProcess.run("migrate", "current", in: folder).output == "base\n")
        }
    }

    @Test(arguments: [
        ("upgrade", "0009", "there is no migration '0009'"), ("upgrade", "+9", "cannot go +9"),
        ("upgrade", "+x", "'+x' is not a migration target"), ("downgrade", "-9", "cannot go -9"),
        ("stamp", "0009", "there is no migration '0009'"),
    ])
    func `an unreachable target is reported in one line`(_ verb: String, _ target: String, _ complaint: String)
        async throws
    {
        try await withTemporaryFolder { folder in
            try makeEmptyDatabase(in: folder)
            let outcome = try await ChatAPIProcess.run("migrate", verb, target, in: folder)
            #expect(outcome.status == 1)
            #expect(outcome.errors.hasPrefix("Error: \(complaint)"))
            #expect(outcome.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func `a newer program's database is rejected`() async throws {
        try await withTemporaryFolder { folder in
            try makeEmptyDatabase(in: folder)
            _ = try await ChatAPIProcess.run("migrate", "upgrade", in: folder)
            try runSQLite(folder, "INSERT INTO schema_migrations (revision, checksum) VALUES ('0999', 'x')")
            for verb in [["serve"], ["migrate", "upgrade"], ["migrate", "check"]] {
                let outcome = try await ChatAPIProcess.run(arguments: verb, in: folder)
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains("this chat-api, which does not know migration 0999"))
            }
        }
    }

    @Test func `an edited migration is rejected`() async throws {
        try await withTemporaryFolder { folder in
            try makeEmptyDatabase(in: folder)
            _ = try await ChatAPIProcess.run("migrate", "upgrade", in: folder)
            try runSQLite(folder, "UPDATE schema_migrations SET checksum = 'x'")
            let outcome = try await ChatAPIProcess.run("serve", "--port=0", in: folder)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("migration 0001 was edited"))
        }
    }

    /// A typo in a path must not create a second database.
    @Test(arguments: [["upgrade"], ["downgrade"], ["current"], ["stamp", "head"], ["check"]])
    func `a missing database file is not created`(_ verb: [String]) async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.run(arguments: ["migrate"] + verb, in: folder)
            #expect(outcome.status == 1)
            #expect(
                outcome.errors
                    == "Error: cannot open chat.db: there is no such file (chat-api serve, import or key create creates it)\n"
            )
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
        }
    }

    @Test func `a downgrade that erases data must be confirmed`() async throws {
        try await withTemporaryFolder { folder in
            try makeEmptyDatabase(in: folder)
            _ = try await ChatAPIProcess.run("migrate", "upgrade", in: folder)
            let refused = try await ChatAPIProcess.run("migrate", "downgrade", in: folder, input: "yes\n")
            #expect(refused.status == 1)
            #expect(refused.errors == "Error: This erases every webhook. To confirm, add --yes\n")
            #expect(try await ChatAPIProcess.run("migrate", "current", in: folder).output == "0004 (head)\n")
            #expect(try await ChatAPIProcess.run("migrate", "downgrade", "--sql", in: folder).status == 0)
            #expect(try await ChatAPIProcess.run("migrate", "current", in: folder).output == "0004 (head)\n")
            #expect(try await ChatAPIProcess.run("migrate", "downgrade", "--yes", in: folder).status == 0)
            #expect(try await ChatAPIProcess.run("migrate", "current", in: folder).output == "0003\n")
        }
    }

    /// Once, this left an unusable database that every command called current.
    @Test func `every command notices a schema that does not match its record`() async throws {
        try await withTemporaryFolder { folder in
            try makeEmptyDatabase(in: folder)
            let refused = try await ChatAPIProcess.run("migrate", "stamp", "head", in: folder)
            #expect(refused.status == 1)
            #expect(refused.errors.hasPrefix("Error: the schema does not match 0004: missing access_state: table"))
            #expect(try await ChatAPIProcess.run("migrate", "stamp", "head", "--force", in: folder).status == 0)
            for command in [["migrate", "check"], ["migrate", "upgrade"], ["serve", "--port=0"]] {
                let outcome = try await ChatAPIProcess.run(arguments: command, in: folder)
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains("the schema does not match 0004: missing "), "\(command)")
            }
        }
    }

    @Test(arguments: ["sqlite+aiosqlite:///chat.db", "sqlite+pysqlite:///chat.db"])
    func `the drivers in SQLAlchemy's URLs are ignored`(_ url: String) async throws {
        try await withTemporaryFolder { folder in
            try makeEmptyDatabase(in: folder)
            let current = try await ChatAPIProcess.run("migrate", "current", "--database-url", url, in: folder)
            #expect(current.output == "base\n")
        }
    }

    /// To SQLite, an empty file is an empty database.
    private func makeEmptyDatabase(in folder: String) throws {
        try Data().write(to: URL(filePath: folder + "/chat.db"))
    }
}
