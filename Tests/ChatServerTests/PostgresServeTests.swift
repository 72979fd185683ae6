import ChatMigrations
import ChatTestSupport
import Foundation
import PostgresClient
import Testing

/// The running program on PostgreSQL.
@Suite(.timeLimit(.minutes(5)))
struct PostgresServeTests {
    @Test func `a schema that is behind is rejected with the command that upgrades it`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await withTemporaryFolder { folder in
                let environment = ["DATABASE_URL": url.connectionString]
                let refused = try await ChatAPIProcess.run("serve", in: folder, environment: environment)
                #expect(refused.status == 1)
                let head = try #require(Migration.all.last).revision
                let complaint =
                    "Error: the schema is at base, but this chat-api needs \(head): run chat-api migrate upgrade\n"
                #expect(refused.errors == complaint)

                let upgraded = try await ChatAPIProcess.run("migrate", "upgrade", in: folder, environment: environment)
                #expect(upgraded.output.hasPrefix("applied 0001 create chats and messages\n"))
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

    @Test func `twenty servers can start at once on an empty database`() async throws {
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
                            return outcome.errors.contains("Migrated to 0004") ? 1 : 0
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

    @Test(.enabled(if: TestPostgres.hasPoolers, "PgBouncer must be installed"))
    func `behind a pooler that shares sessions, servers notify each other through a separate URL`() async throws {
        try await TestPostgres.withDatabase { direct in
            let url = try #require(TestPostgres.pooled(direct, .transaction))
            try await withTemporaryFolder { folder in
                let pooled = ["DATABASE_URL": url.connectionString]
                let refused = try await ChatAPIProcess.run("serve", in: folder, environment: pooled)
                #expect(refused.status == 1)
                #expect(
                    refused.errors == """
                        Error: PostgreSQL: LISTEN does not work through a pooler in transaction mode: set CHAT_LISTEN_URL \
                        (--listen-url) to a URL that bypasses the pooler

                        """
                )
                let served = try await ChatAPIProcess.serve(
                    "--listen-url=\(direct.connectionString)",
                    in: folder,
                    environment: pooled
                ) { client in
                    let created = try await client.send("POST", "/chats/", body: #"{"title":"a"}"#)
                    #expect(created.status == 201)
                    let posted = try await client.send("POST", "/chats/1/messages/", body: #"{"text":"a"}"#)
                    #expect(posted.status == 201)
                    let ready = try await client.send("GET", "/health/ready")
                    #expect(ready.status == 200)
                }
                #expect(served.status == 0)
            }
        }
    }

    @Test func `an unreachable database is reported in one line`() async throws {
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

    @Test(.enabled(if: TestPostgres.login != nil, "the server must be of Scripts/with-postgres"))
    func `a password is checked and never printed`() async throws {
        let login = try #require(TestPostgres.login)
        let secret = try #require(login.split(separator: ":").last)
        try await TestPostgres.withDatabase { url in
            try await withTemporaryFolder { folder in
                func environment(_ login: String) -> [String: String] {
                    ["DATABASE_URL": url.connectionString.replacing("postgres@", with: login + "@")]
                }
                let wrong = login.replacing(secret, with: "hunter2")
                for command in [["serve"], ["migrate", "current"]] {
                    let outcome = try await ChatAPIProcess.run(
                        arguments: command,
                        in: folder,
                        environment: environment(wrong)
                    )
                    #expect(outcome.status == 1)
                    #expect(outcome.errors.hasPrefix("Error: PostgreSQL: cannot connect: "))
                    #expect(outcome.errors.contains("password authentication failed for user"))
                    #expect(outcome.errors.split(separator: "\n").count == 1)
                    #expect(!outcome.errors.contains("hunter2"))
                }
                let current = try await ChatAPIProcess.run(
                    "migrate",
                    "current",
                    in: folder,
                    environment: environment(login)
                )
                #expect(current.output.hasSuffix(" (head)\n"))
                let served = try await ChatAPIProcess.serve(in: folder, environment: environment(login)) { client in
                    let created = try await client.send("POST", "/chats/", body: #"{"title":"a"}"#)
                    #expect(created.status == 201)
                }
                #expect(served.status == 0)
                let password = try #require(secret.removingPercentEncoding)
                for word in [password, String(secret)] {
                    #expect(!served.errors.contains(word))
                }
            }
        }
    }

    @Test(.enabled(if: TestPostgres.authorities != nil, "the server must be of Scripts/with-postgres"))
    func `an untrusted certificate is reported in one line`() async throws {
        let authorities = try #require(TestPostgres.authorities)
        try await TestPostgres.withDatabase(migrated: false) { url in
            let url = url.connectionString.replacing("postgres@", with: "postgres:hunter2@")
            try await withTemporaryFolder { folder in
                let outcome = try await ChatAPIProcess.run(
                    "serve",
                    in: folder,
                    environment: ["DATABASE_URL": url + "?sslmode=verify-full&sslrootcert=" + authorities.other]
                )
                #expect(outcome.status == 1)
                #expect(outcome.errors.contains("certificate verify failed"))
                #expect(outcome.errors.split(separator: "\n").count == 1)
                #expect(!outcome.errors.contains("hunter2"))
            }
        }
    }

    @Test func `a killed migration leaves the previous version and no session waiting for locks`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            // The original service's tables, which the migration alters.
            try await TestPostgres.execute(
                """
                CREATE TABLE chats (id bigserial PRIMARY KEY, title varchar(200) NOT NULL, created_at timestamptz NOT NULL);
                CREATE TABLE messages (
                    id bigserial PRIMARY KEY, chat_id bigint NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
                    text varchar(5000) NOT NULL, created_at timestamptz NOT NULL);
                INSERT INTO chats (title, created_at) VALUES ('kept', now());
                INSERT INTO messages (chat_id, text, created_at) VALUES (1, 'kept', now());
                """,
                on: url
            )
            let reader = PostgresConnection(PostgresConfiguration(url: url, statementTimeout: .seconds(300)))
            try await reader.open()
            try await reader.execute("BEGIN; SELECT FROM messages")
            try await withTemporaryFolder { folder in
                let environment = ["DATABASE_URL": url.connectionString]
                let killed = try await ChatAPIProcess.kill("migrate", "upgrade", in: folder, environment: environment) {
                    while try await Self.sessionsWaitingForLocks(on: url) == 0 {
                        try await Task.sleep(for: .milliseconds(20))
                    }
                }
                #expect(killed.status == -9)
                // The reader still holds its lock, so the session that waited for it left for another reason.
                while try await Self.sessionsWaitingForLocks(on: url) > 0 {
                    try await Task.sleep(for: .milliseconds(20))
                }
                let rows = try await TestPostgres.rows("SELECT title, text FROM chats, messages", on: url)
                #expect(rows == [["kept", "kept"]])
                try await reader.execute("COMMIT")
                await reader.close()

                func migrate(_ verb: String) async throws -> String {
                    try await ChatAPIProcess.run("migrate", verb, in: folder, environment: environment).output
                }
                #expect(try await migrate("current") == "base\n")
                let columns = try await TestPostgres.rows(
                    "SELECT column_name::text FROM information_schema.columns WHERE column_name IN ('seq', 'last_seq')",
                    on: url
                )
                #expect(columns == [])
                #expect(try await migrate("upgrade").hasPrefix("applied 0001 create chats and messages\n"))
            }
        }
    }

    private static func sessionsWaitingForLocks(on url: PostgresURL) async throws -> Int {
        try await TestPostgres.rows(
            """
            SELECT pid::text FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'chat-api'
            """,
            on: url
        ).count
    }
}
