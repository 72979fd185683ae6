import ChatTestSupport
import Foundation
import PostgresClient
import Testing

/// `chat-api export` and `chat-api import`, as an operator uses them.
@Suite(.timeLimit(.minutes(5)))
struct ArchiveCommandTests {
    private func fill(_ client: HTTPTestClient) async throws {
        for title in ["one", "two"] {
            let chat = try await client.send("POST", "/chats/", body: #"{"title":"\#(title)"}"#)
            let id = try #require(chat.json["id"]?.integer)
            for text in ["hello", "world"] {
                let sent = try await client.send("POST", "/chats/\(id)/messages/", body: #"{"text":"\#(text)"}"#)
                #expect(sent.status == 201)
            }
        }
    }

    private func read(_ client: HTTPTestClient) async throws -> [JSON] {
        // Without the epoch, which each database has its own.
        [
            try #require(try await client.send("GET", "/chats/1/log").json["entries"]),
            try #require(try await client.send("GET", "/chats/2/log").json["entries"]),
            try #require(try await client.send("GET", "/chats/").json["chats"]),
        ]
    }

    /// Exports to a file, and imports that into a SQLite database twice.
    private func moveByFile(from environment: [String: String], in folder: String) async throws {
        let written = try await ChatAPIProcess.run(
            "export",
            "--all",
            "--output=all.ndjson",
            in: folder,
            environment: environment
        )
        #expect(written.status == 0)
        #expect(written.output == "")
        #expect(written.errors.hasPrefix("Exported 2 chats with 4 entries, "), "\(written.errors)")
        let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/all.ndjson")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        for count in ["2 chats, 4 entries", "0 chats, 0 entries"] {
            let back = try await ChatAPIProcess.run(
                "import",
                "all.ndjson",
                "--database-url=sqlite:///back.db",
                in: folder
            )
            #expect(back.status == 0)
            #expect(back.errors.contains("(new: \(count))"), "\(back.errors)")
        }
    }

    @Test func `chats move from SQLite to PostgreSQL by pipe and back by file`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withTemporaryFolder { folder in
                var before: [JSON] = []
                _ = try await ChatAPIProcess.serve(in: folder) { client async throws in
                    try await fill(client)
                    before = try await read(client)
                    // While the server is running.
                    let exported = try await ChatAPIProcess.run("export", "--all", in: folder)
                    #expect(exported.status == 0)
                    let imported = try await ChatAPIProcess.run(
                        "import",
                        "--database-url=\(url.connectionString)",
                        in: folder,
                        input: exported.output
                    )
                    #expect(imported.status == 0)
                    let summary = "Imported 2 chats with 4 entries (new: 2 chats, 4 entries), "
                    #expect(imported.errors.hasPrefix(summary), "\(imported.errors)")
                    #expect(imported.output == "")
                }
                let environment = ["DATABASE_URL": url.connectionString]
                let served = try await ChatAPIProcess.serve(in: folder, environment: environment) {
                    client async throws in
                    #expect(try await read(client) == before)
                }
                #expect(served.status == 0)

                try await moveByFile(from: environment, in: folder)
                _ = try await ChatAPIProcess.serve("--database-url=sqlite:///back.db", in: folder) {
                    client async throws in
                    #expect(try await read(client) == before)
                }
            }
        }
    }

    @Test func `a failed export or import gives the reason in one line`() async throws {
        try await withTemporaryFolder { folder in
            func complaint(_ arguments: String..., input: String = "") async throws -> String {
                let outcome = try await ChatAPIProcess.run(arguments: arguments, in: folder, input: input)
                #expect(outcome.status != 0)
                return String(outcome.errors.split(separator: "\n").first ?? "")
            }
            for arguments in [["export", "--all"], ["export", "7", "--output=none.ndjson"]] {
                #expect(
                    try await ChatAPIProcess.run(arguments: arguments, in: folder).errors
                        == "Error: cannot open chat.db: there is no such file (chat-api serve, import or key create creates it)\n"
                )
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
            try Data().write(to: URL(filePath: folder + "/chat.db"))
            #expect(
                try await complaint("export", "--all").hasPrefix(
                    "Error: the schema is at base, but this chat-api needs"
                )
            )
            _ = try await ChatAPIProcess.run("migrate", "upgrade", in: folder)
            #expect(try await complaint("export") == "Error: specify either a chat id or --all")
            #expect(try await complaint("export", "1", "--all") == "Error: specify either a chat id or --all")
            #expect(try await complaint("export", "0") == "Error: a chat id must be at least 1")
            for _ in 1...2 {
                #expect(try await complaint("export", "7", "--output=none.ndjson") == "Error: there is no chat 7")
            }
            #expect(
                try await complaint("export", "--all", "--output=chat.db") == "Error: cannot write chat.db: File exists"
            )
            #expect(try await complaint("import", "none") == "Error: cannot read none: No such file or directory")
            #expect(try await complaint("import", ".") == "Error: cannot read .: Is a directory")
            #expect(
                try await complaint("import", input: "nonsense\n")
                    == "Error: line 1: it is not JSON: Expecting value at byte 0"
            )
            #expect(try await complaint("import") == "Error: the archive is truncated after line 0")
        }
    }

    /// Its fourth line is invalid.
    private static let flawedArchive = """
        {"type":"header","format":"chat-api","version":1}
        {"type":"chat","id":1,"title":"one","created_at":"2026-11-23T09:00:00Z"}
        {"type":"message.created","chat_id":1,"seq":1,"id":1,"text":"a","created_at":"2026-11-23T09:00:01Z","revision":1}
        {"type":"message.created","chat_id":1,"seq":2,"id":2}
        {"type":"message.created","chat_id":1,"seq":3,"id":3,"text":"c","created_at":"2026-11-23T09:00:01Z","revision":1}
        {"type":"end","chats":1,"entries":3}

        """

    @Test func `a dry run reports invalid lines, and --skip-invalid imports the others`() async throws {
        try await withTemporaryFolder { folder in
            let complaint = "line 4: 'text' must be text of 0 to 5000 characters\n"
            // A missing database is not created.
            let dry = try await ChatAPIProcess.run("import", "--dry-run", in: folder, input: Self.flawedArchive)
            #expect(dry.status == 1)
            let checked = "Checked 1 chat with 1 entry (new: 1 chat, 1 entry), 2 lines skipped (1 invalid), "
            #expect(dry.errors.hasPrefix(complaint + checked), "\(dry.errors)")
            #expect(dry.errors.hasSuffix("Error: 1 line is invalid\n"))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])

            let strict = try await ChatAPIProcess.run("import", in: folder, input: Self.flawedArchive)
            #expect(strict.status == 1)
            #expect(strict.errors.hasSuffix("Error: " + complaint), "\(strict.errors)")

            let skipped = try await ChatAPIProcess.run(
                "import",
                "--skip-invalid",
                in: folder,
                input: Self.flawedArchive
            )
            #expect(skipped.status == 0)
            let imported =
                "Imported 1 chat with 1 entry (new: 0 chats, 0 entries), 2 lines skipped (1 invalid), "
            #expect(skipped.errors.contains(complaint + imported), "\(skipped.errors)")
            let again = try await ChatAPIProcess.run(
                "import",
                "--dry-run",
                "--skip-invalid",
                in: folder,
                input: Self.flawedArchive
            )
            #expect(again.status == 0)
        }
    }

    @Test func `a dry run does not migrate the database`() async throws {
        try await withTemporaryFolder { folder in
            try Data().write(to: URL(filePath: folder + "/empty.db"))
            let unready = try await ChatAPIProcess.run(
                "import",
                "--dry-run",
                "--database-url=sqlite:///empty.db",
                in: folder,
                input: Self.flawedArchive
            )
            #expect(unready.status == 1)
            #expect(unready.errors.hasPrefix("Error: the schema is at base"), "\(unready.errors)")
        }
    }
}
