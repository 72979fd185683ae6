import ChatTestSupport
import Foundation
import Glibc
import PostgresClient
import Testing

/// `chat-api doctor` on setups that work and on broken ones.
@Suite(.timeLimit(.minutes(5)))
struct DoctorTests {
    @Test func `nothing is created where there is nothing yet`() async throws {
        try await withTemporaryFolder { folder in
            let findings = try await examine(in: folder)
            #expect(findings.status == 0)
            #expect(findings["settings"] == ["ok: all values are valid"])
            #expect(findings["database"] == ["warning: there is no file chat.db yet: `chat-api serve` creates it"])
            #expect(findings["access"] == ["ok: open, anyone may read and write"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
        }
    }

    @Test func `all is well with a running server, and nothing changes`() async throws {
        try await withTemporaryFolder { folder in
            let key = "sk_env_0123456789abcdef0123456789abcdef"
            let environment = ["CHAT_SERVER_KEY": key]
            _ = try await ChatAPIProcess.serve(in: folder, environment: environment) { client async throws in
                let findings = try await examine("--port=\(client.port)", in: folder, environment: environment)
                #expect(findings.status == 0)
                #expect(findings.problemsOfTheService == [], "\(findings)")
                #expect(findings["database"] == ["ok: sqlite:///chat.db, SQLite"])
                #expect(findings["schema"] == ["ok: current, 0004"])
                #expect(findings["access"] == ["ok: credentials required"])
                let address = "http://127.0.0.1:\(client.port)"
                #expect(findings["address"] == ["ok: a server listens on \(address) and is ready"])
            }
            let before = try contents(of: folder)
            #expect(try await examine(in: folder, environment: environment).status == 0)
            #expect(try contents(of: folder) == before)
        }
    }

    /// A log without a server is what a crash leaves.
    @Test func `the log that a crash left stays as it is`() async throws {
        try await withTemporaryFolder { folder in
            try await makeDatabase(in: folder)
            let copies = folder + "/crashed"
            try FileManager.default.createDirectory(atPath: copies, withIntermediateDirectories: false)
            _ = try await ChatAPIProcess.serve(in: folder) { client async throws in
                try await client.createChats()
                for name in ["chat.db", "chat.db-wal"] {
                    try FileManager.default.copyItem(atPath: "\(folder)/\(name)", toPath: "\(copies)/\(name)")
                }
            }
            let before = try contents(of: copies)
            #expect(try await examine(in: copies).status == 0)
            #expect(try contents(of: copies) == before)
        }
    }

    @Test(arguments: [
        (["--port=x"], [:], "settings", "error: --port is 'x': it must be a whole number from 0 to 65535"),
        (
            ["--body-timeout=90"], [:], "settings",
            "error: --body-timeout is 90.0 seconds: it must be shorter than --idle-timeout, 60.0 seconds"
        ),
        (
            [], ["CHAT_JWT_SECRET": "hunter2"], "settings",
            """
            error: CHAT_JWT_SECRET is invalid: it must be a secret of at least 32 bytes for HS256, or several separated by \
            commas, such as the output of openssl rand -hex 32
            """
        ),
        ([], ["CHAT_PROT": "1"], "settings", "warning: CHAT_PROT is not a setting; did you mean CHAT_PORT?"),
        (
            ["--jwt-keys=absent.json"], [:], "access",
            "error: cannot use the keys in absent.json: No such file or directory (see --jwt-keys)"
        ),
        (
            ["--jwks-url=http://127.0.0.1:1/"], [:], "access",
            "warning: Will retry: cannot use the keys in http://127.0.0.1:1/: Couldn't connect to server"
        ),
        (
            ["--host=0.0.0.0", "--auth=open"], [:], "access",
            "warning: Anyone who can reach 0.0.0.0 can read and write every chat: remove --auth open"
        ),
        (
            ["--host=0.0.0.0"], [:], "access",
            """
            error: cannot listen on 0.0.0.0 without keys: configure keys (run chat-api key create, or set \
            CHAT_JWT_SECRET, CHAT_SERVER_KEY, --jwt-keys or --jwks-url), listen on a loopback address (--host 127.0.0.1), \
            or let anyone read and write (--auth open)
            """
        ),
        (
            ["--database-url=sqlite:////nowhere/chat.db"], [:], "database",
            "error: cannot create /nowhere/chat.db: there is no folder /nowhere"
        ),
        (
            ["--database-url=sqlite::memory:"], [:], "database",
            "warning: all chats are lost when the server stops: change --database-url"
        ),
        (
            ["--host=no.such.host.invalid"], [:], "address",
            "error: cannot listen on no.such.host.invalid:0: host not found (see --host)"
        ),
        (
            ["--docs=on", "--docs-assets=."], [:], "documentation",
            """
            warning: . lacks swagger-ui-bundle.js, swagger-ui.css, redoc.standalone.js: browsers load them from a public \
            CDN unless you set --docs-assets
            """
        ),
    ])
    func `a wrong setting is reported with what to do`(
        _ arguments: [String],
        _ environment: [String: String],
        _ subject: String,
        _ finding: String
    ) async throws {
        try await withTemporaryFolder { folder in
            let findings = try await examine(arguments, in: folder, environment: environment)
            #expect(findings[subject] == [finding])
            #expect(findings.status == (finding.hasPrefix("error") ? 1 : 0))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
        }
    }

    @Test func `every wrong setting is reported`() async throws {
        try await withTemporaryFolder { folder in
            let environment = ["CHAT_IDLE_TIMEOUT": "soon", "CHAT_SERVER_KEY": "hunter2", "CHAT_MAX_STREAMS": "-1"]
            let findings = try await examine("--port=x", in: folder, environment: environment)
            #expect(findings.status == 1)
            #expect(findings["settings"]?.count == 4)
            #expect(findings["database"] != nil)
            try Data("no statement".utf8).write(to: URL(filePath: folder + "/.env"))
            let outcome = try await ChatAPIProcess.run("doctor", in: folder)
            #expect(outcome.status == 1)
            #expect(outcome.errors == "Error: line 1 of .env is invalid: it is not NAME=value\n")
        }
    }

    @Test(arguments: [
        ("printf '%5000s' x > chat.db", "database", "error: cannot open chat.db: SQLite: file is not a database (#)"),
        (
            "chmod 400 chat.db; drop='setpriv --bounding-set=-all'", "database",
            "error: cannot open chat.db: user id # may not write to chat.db, which belongs to user id #"
        ),
        (
            "chmod 500 .; drop='setpriv --bounding-set=-all'", "database",
            "error: cannot open chat.db: user id # may not write to ., which belongs to user id #"
        ),
        ("chmod 644 chat.db", "file", "warning: other users may read or write the messages: run chmod # chat.db"),
        (
            "$0 migrate downgrade --yes > /dev/null", "schema",
            "warning: `chat-api serve` upgrades the schema from # to #: make a backup first"
        ),
        (
            "$0 migrate stamp base --force > /dev/null", "schema",
            "warning: `chat-api serve` upgrades the schema from base to #: make a backup first"
        ),
        (
            "ulimit -n 400", "open files",
            """
            warning: The limit on open files allows fewer connections than --max-connections; raise it, for example with \
            ulimit -n (connections: #)
            """
        ),
    ])
    func `a broken machine is reported with what to do`(_ script: String, _ subject: String, _ finding: String)
        async throws
    {
        try await withTemporaryFolder { folder in
            try await makeDatabase(in: folder)
            let outcome = try await ChatAPIProcess.run(
                script: "drop=; \(script); if ((EUID)); then drop=; fi; exec $drop $0 doctor --port=0 --docs=off",
                in: folder
            )
            chmod(folder, 0o700)
            let findings = Findings(outcome)
            #expect(findings[subject].map(Self.masked) == [finding])
        }
    }

    @Test func `a newer schema and an edited one are reported`() async throws {
        try await withTemporaryFolder { folder in
            try await makeDatabase(in: folder)
            try runSQLite(folder, "INSERT INTO schema_migrations (revision, checksum) VALUES ('0999', 'x')")
            let newer = """
                error: the database is newer than this chat-api, which does not know migration 0999: run a newer chat-api
                """
            let findings = try await examine(in: folder)
            #expect(findings["schema"] == [newer])
            #expect(findings.status == 1)
            try runSQLite(
                folder,
                "DELETE FROM schema_migrations WHERE revision = '0999'; ALTER TABLE chats RENAME TO talks"
            )
            #expect(
                try await examine(in: folder)["schema"]?.first?.hasPrefix("error: the schema does not match 0004")
                    == true
            )
        }
    }

    @Test func `entries from a clock that was ahead are reported`() async throws {
        try await withTemporaryFolder { folder in
            _ = try await ChatAPIProcess.serve(in: folder) { try await $0.createChats() }
            try runSQLite(folder, "UPDATE chats SET last_entry_at = last_entry_at + 3600000000")
            let finding = try #require(try await examine(in: folder)["timestamps"]?.first)
            #expect(finding.hasPrefix("warning: The newest entry is dated in the future; until then"))
        }
    }

    @Test func `a port that another program uses is reported`() async throws {
        try await withTemporaryFolder { folder in
            let (socket, port) = try #require(Self.boundSocket())
            defer { close(socket) }
            let findings = try await examine("--port=\(port)", in: folder)
            let expected = """
                error: cannot listen on 127.0.0.1:\(port): Address already in use: stop the program that uses it, or set \
                another port (see --host, --port)
                """
            #expect(findings["address"] == [expected])
            #expect(findings.status == 1)
        }
    }

    @Test func `all is well with PostgreSQL, and nothing changes`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withTemporaryFolder { folder in
                let history = "SELECT epoch, incarnation FROM history"
                let before = try await TestPostgres.rows(history, on: url)
                let findings = try await examine(in: folder, environment: ["DATABASE_URL": url.connectionString])
                #expect(findings.status == 0)
                #expect(findings.problemsOfTheService == [], "\(findings)")
                #expect(findings["database"]?.first?.contains(/, PostgreSQL \d+/) == true)
                #expect(
                    findings["readiness"] == ["ok: PostgreSQL accepts writes, and its clock agrees with this machine's"]
                )
                #expect(findings["notifications"] == ["ok: LISTEN works"])
                #expect(try await TestPostgres.rows(history, on: url) == before)
            }
        }
    }

    @Test func `an unreachable PostgreSQL and a wrong password are reported`() async throws {
        try await withTemporaryFolder { folder in
            let url = "postgresql://me:hunter2@127.0.0.1:1/chat"
            let findings = try await examine(in: folder, environment: ["DATABASE_URL": url])
            #expect(findings.status == 1)
            #expect(findings["database"]?.first?.hasPrefix("error: PostgreSQL: cannot connect: ") == true)
            #expect(!findings.lines.joined().contains("hunter2"))
            guard let login = TestPostgres.login, let name = login.split(separator: ":").first else { return }
            let server = try TestPostgres.server.connectionString.replacing("postgres@", with: "\(name):hunter2@")
            let wrong = try await examine(in: folder, environment: ["DATABASE_URL": server])
            #expect(wrong["database"]?.first?.contains("password authentication failed") == true)
            #expect(!wrong.lines.joined().contains("hunter2"))
        }
    }

    /// The functions stand before PostgreSQL's own in the search path, and say what a broken server would say.
    @Test(arguments: [
        (
            "clock_timestamp() RETURNS timestamptz AS $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$",
            "readiness", "error: this machine's clock is # s behind PostgreSQL's: set it right"
        ),
        (
            setting("synchronous_commit", "off"), "database",
            "error: PostgreSQL could lose acknowledged writes: synchronous_commit=off, fsync=on, server_encoding=UTF#"
        ),
        (
            setting("fsync", "off"), "database",
            "error: PostgreSQL could lose acknowledged writes: synchronous_commit=on, fsync=off, server_encoding=UTF#"
        ),
        (
            setting("server_version_num", "130012"), "database",
            "error: PostgreSQL is too old (#): run version # or later"
        ),
        (
            setting("max_connections", "10"), "database",
            """
            warning: this server opens up to # connections, but PostgreSQL grants #: raise max_connections (or the limit \
            of the role or the database), or lower --pool-size
            """
        ),
    ])
    func `a broken PostgreSQL is reported with what to do`(_ function: String, _ subject: String, _ finding: String)
        async throws
    {
        try await TestPostgres.withDatabase { url in
            try await TestPostgres.execute(
                """
                CREATE SCHEMA broken;
                CREATE FUNCTION broken.\(function) LANGUAGE sql;
                DO $$ BEGIN
                    EXECUTE format('ALTER DATABASE %I SET search_path = broken, pg_catalog, public', current_database());
                END $$
                """,
                on: url
            )
            try await withTemporaryFolder { folder in
                let findings = try await examine(in: folder, environment: ["DATABASE_URL": url.connectionString])
                #expect(findings[subject].map(Self.masked) == [finding])
            }
        }
    }

    @Test func `a PostgreSQL schema that is behind is an error unless serve upgrades it`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await withTemporaryFolder { folder in
                let environment = ["DATABASE_URL": url.connectionString]
                let behind = try await examine(in: folder, environment: environment)
                #expect(behind.status == 1)
                #expect(
                    behind["schema"]
                        == ["error: the schema is at base, but this chat-api needs 0004: run chat-api migrate upgrade"]
                )
                let upgraded = try await examine("--migrate", in: folder, environment: environment)
                #expect(upgraded.status == 0)
                #expect(upgraded["schema"]?.first?.hasPrefix("warning: ") == true)
                let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'"
                #expect(try await TestPostgres.rows(tables, on: url) == [])
            }
        }
    }

    @Test(.enabled(if: TestPostgres.hasPoolers, "PgBouncer must be installed"))
    func `a pooler in the wrong mode is reported`() async throws {
        try await TestPostgres.withDatabase { direct in
            try await withTemporaryFolder { folder in
                let statement = try #require(TestPostgres.pooled(direct, .statement))
                let broken = try await examine(in: folder, environment: ["DATABASE_URL": statement.connectionString])
                #expect(
                    broken["database"]?.first?.contains("a pooler must be in session or in transaction mode") == true
                )
                let transaction = try #require(TestPostgres.pooled(direct, .transaction))
                var environment = ["DATABASE_URL": transaction.connectionString]
                let deaf = try await examine(in: folder, environment: environment)
                #expect(
                    deaf["notifications"]?.first?.hasPrefix("error: PostgreSQL: LISTEN does not work through") == true
                )
                environment["CHAT_LISTEN_URL"] = direct.connectionString
                #expect(try await examine(in: folder, environment: environment).status == 0)
            }
        }
    }

    /// Replaces each number with `#`.
    private static func masked(_ findings: [String]) -> [String] {
        findings.map { $0.replacing(/[0-9]+/, with: "#") }
    }

    private static func setting(_ name: String, _ value: String) -> String {
        """
        current_setting(text) RETURNS text AS $$
            SELECT CASE $1 WHEN '\(name)' THEN '\(value)' ELSE pg_catalog.current_setting($1) END
        $$
        """
    }

    /// A socket with a loopback port of its own, on which nothing listens.
    private static func boundSocket() -> (Int32, Int)? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 ? getsockname(descriptor, address, &length) : -1
            }
        }
        return status == 0 ? (descriptor, Int(UInt16(bigEndian: address.sin_port))) : nil
    }

    private func examine(
        _ arguments: String...,
        in folder: String,
        environment: [String: String] = [:]
    ) async throws -> Findings {
        try await examine(arguments, in: folder, environment: environment)
    }

    /// Runs `doctor` without the documentation, and on any free port, unless the arguments ask for others.
    private func examine(
        _ arguments: [String],
        in folder: String,
        environment: [String: String] = [:]
    ) async throws -> Findings {
        let defaults = ["--port=0", "--docs=off"].filter { option in
            !arguments.contains { $0.split(separator: "=").first == option.split(separator: "=").first }
        }
        return Findings(
            try await ChatAPIProcess.run(
                arguments: ["doctor"] + defaults + arguments,
                in: folder,
                environment: environment
            )
        )
    }
}

/// The lines that `doctor` printed.
private struct Findings: CustomStringConvertible {
    let status: Int32
    let lines: [String]
    let description: String
    private var bySubject: [String: [String]] = [:]

    init(_ outcome: ChatAPIProcess.Outcome) {
        status = outcome.status
        lines = outcome.output.split(separator: "\n").map(String.init)
        description = outcome.output + outcome.errors
        for line in lines {
            guard let match = line.wholeMatch(of: /(ok|warning|error) +([a-z ]+?)  +(.*)/) else { continue }
            bySubject[String(match.2), default: []].append("\(match.1): \(match.3)")
        }
    }

    /// All lines that are not `ok`, except for those about limits and free space of the machine that runs the tests.
    var problemsOfTheService: [String] {
        lines.filter { !$0.hasPrefix("ok ") && !$0.contains(/^warning +(open files|file)\b/) }
    }

    subscript(subject: String) -> [String]? {
        bySubject[subject]
    }
}
