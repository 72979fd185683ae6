import ChatMigrations
import ChatTestSupport
import Foundation
import Testing

/// `chat-api migrate`, as a user of Alembic uses it.
@Suite(.timeLimit(.minutes(5)))
struct MigrateTests {
    @Test func theSchemaGoesUpAndDownAndUp() async throws {
        try await withTemporaryFolder { folder in
            let head = try #require(Migration.all.last).revision
            func migrate(_ arguments: String...) async throws -> ChatAPIProcess.Outcome {
                try await ChatAPIProcess.run(arguments: ["migrate"] + arguments, in: folder)
            }
            #expect(try await migrate("current").output == "base\n")
            let behind = try await migrate("check")
            #expect(behind.status == 1)
            #expect(behind.errors.hasPrefix("Error: the schema is at base, this chat-api needs \(head)"))

            let names = Migration.all.map { "\($0.revision) \($0.summary)\n" }
            #expect(names.first == "0001 create chats and messages\n")
            #expect(try await migrate("history").output == names.joined())
            #expect(try await migrate("upgrade").output == names.map { "upgraded to " + $0 }.joined())
            #expect(try await migrate("upgrade", "head").output == "")
            #expect(try await migrate("current").output == "\(head) (head)\n")
            #expect(try await migrate("check").status == 0)

            #expect(try await migrate("downgrade", "-1").output == "took back \(names.last ?? "")")
            #expect(try await migrate("check").status == 1)
            #expect(try await migrate("upgrade", "+1").status == 0)
            #expect(try await migrate("downgrade", "base").output == "took back 0001 create chats and messages\n")
            #expect(try await migrate("current").output == "base\n")
            #expect(try await migrate("upgrade", head).status == 0)
            #expect(try await migrate("current").output == "\(head) (head)\n")
        }
    }

    @Test func theScriptIsPrintedAndNotRun() async throws {
        try await withTemporaryFolder { folder in
            let printed = try await ChatAPIProcess.run("migrate", "upgrade", "--sql", in: folder)
            #expect(printed.status == 0)
            #expect(printed.output.contains("CREATE TABLE chats"))
            #expect(printed.output.contains("INSERT INTO schema_migrations (revision, checksum) VALUES ('0001', '"))
            #expect(try await ChatAPIProcess.run("migrate", "current", in: folder).output == "base\n")
        }
    }

    @Test(arguments: [
        ("upgrade", "0009", "there is no migration '0009'"), ("upgrade", "+9", "cannot go +9"),
        ("upgrade", "+x", "'+x' is no migration target"), ("downgrade", "-9", "cannot go -9"),
        ("stamp", "0009", "there is no migration '0009'"),
    ])
    func aTargetThatCannotBeReachedIsOneLine(_ verb: String, _ target: String, _ complaint: String) async throws {
        try await withTemporaryFolder { folder in
            let outcome = try await ChatAPIProcess.run("migrate", verb, target, in: folder)
            #expect(outcome.status == 1)
            #expect(outcome.errors.hasPrefix("Error: \(complaint)"))
            #expect(outcome.errors.split(separator: "\n").count == 1)
        }
    }

    @Test func aDatabaseOfANewerProgramIsRefused() async throws {
        try await withTemporaryFolder { folder in
            _ = try await ChatAPIProcess.run("migrate", "upgrade", in: folder)
            try runSQLite(folder, "INSERT INTO schema_migrations (revision, checksum) VALUES ('0999', 'x')")
            for verb in [["serve"], ["migrate", "upgrade"], ["migrate", "check"]] {
                let outcome = try await ChatAPIProcess.run(arguments: verb, in: folder)
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains("migration 0999, which this chat-api does not know"))
            }
        }
    }

    @Test func anEditedMigrationIsRefused() async throws {
        try await withTemporaryFolder { folder in
            _ = try await ChatAPIProcess.run("migrate", "upgrade", in: folder)
            try runSQLite(folder, "UPDATE schema_migrations SET checksum = 'x'")
            let outcome = try await ChatAPIProcess.run("serve", "--port=0", in: folder)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("migration 0001 was edited"))
        }
    }
}
