import ChatMigrations
import ChatTestSupport
import PostgresClient
import Testing

/// The running program on PostgreSQL.
@Suite(.timeLimit(.minutes(5)))
struct PostgresServeTests {
    @Test func aSchemaThatIsBehindIsRefusedWithTheCommandThatHelps() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await withTemporaryFolder { folder in
                let environment = ["DATABASE_URL": url.connectionString]
                let refused = try await ChatAPIProcess.run("serve", in: folder, environment: environment)
                #expect(refused.status == 1)
                let head = try #require(Migration.all.last).revision
                let complaint =
                    "Error: the schema is at base, this chat-api needs \(head): run chat-api migrate upgrade\n"
                #expect(refused.errors == complaint)

                let upgraded = try await ChatAPIProcess.run("migrate", "upgrade", in: folder, environment: environment)
                #expect(upgraded.output.hasPrefix("upgraded to 0001 create chats and messages\n"))
                let served = try await ChatAPIProcess.serve(in: folder, environment: environment) { client in
                    let created = try await client.send("POST", "/chats/", body: #"{"title":"a"}"#)
                    #expect(created.status == 201)
                    let healthy = try await ChatAPIProcess.run("healthcheck", "--port=\(client.port)", in: folder)
                    #expect(healthy.output == "ready\n")
                }
                #expect(served.status == 0)
                #expect(served.errors.contains("Database: \(url)"))
            }
        }
    }

    @Test func twentyServersStartAtOnceOnAnEmptyDatabase() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await withTemporaryFolder { folder in
                let environment = ["DATABASE_URL": url.connectionString, "CHAT_POOL_SIZE": "1"]
                let migrations = try await withThrowingTaskGroup(of: Int.self) { group in
                    for number in 0..<20 {
                        group.addTask {
                            let outcome = try await ChatAPIProcess.serve(
                                "--migrate",
                                in: folder,
                                environment: environment
                            ) { client in
                                let created = try await client.send("POST", "/chats/", body: #"{"title":"\#(number)"}"#)
                                #expect(created.status == 201)
                            }
                            #expect(outcome.status == 0, "\(outcome.errors)")
                            return outcome.errors.contains("Migrated to 0001") ? 1 : 0
                        }
                    }
                    return try await group.reduce(0, +)
                }
                #expect(migrations == 1)
                let chats = try await TestPostgres.rows("SELECT count(*)::text, max(id)::text FROM chats", on: url)
                #expect(chats == [["20", "20"]])
            }
        }
    }

    @Test func aDatabaseThatIsNotThereIsOneLine() async throws {
        try await withTemporaryFolder { folder in
            for url in [
                "postgresql://me:hunter2@127.0.0.1:1/chat", "postgresql://me:hunter2@no.such.host.invalid/chat",
            ] {
                for command in [["serve"], ["migrate", "current"]] {
                    let outcome = try await ChatAPIProcess.run(
                        arguments: command,
                        in: folder,
                        environment: ["DATABASE_URL": url]
                    )
                    #expect(outcome.status == 1)
                    #expect(outcome.errors.hasPrefix("Error: PostgreSQL: cannot connect: "))
                    #expect(outcome.errors.split(separator: "\n").count == 1)
                    #expect(!outcome.errors.contains("hunter2"))
                }
            }
        }
    }
}
