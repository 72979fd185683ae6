import ChatServer
import ChatTestSupport
import Foundation
import Testing

/// The program's configuration, seen from outside.
@Suite(.timeLimit(.minutes(5)))
struct ConfigurationTests {
    @Test func `the list, the help and the documentation have the same settings and defaults`() async throws {
        let settings = Set(Settings.all.map(Row.init))
        #expect(settings.count == Settings.all.count)

        let source = try PackageFile.read("Sources/ChatServer/Settings/Settings.swift")
        #expect(source.matches(of: /static let \w+ = Setting/).count == settings.count)
        #expect(Set(source.matches(of: /flag: "(.*)"/).map { String($0.1) }) == Set(settings.map(\.flag)))

        let rows = try PackageFile.read("docs/configuration.md")
            .matches(of: /(?m)^\| `--([a-z-]+)` \| `([A-Z_]+)` \| `(.*)` \|$/)
        #expect(rows.count == settings.count)
        #expect(Set(rows.map { Row(flag: String($0.1), variable: String($0.2), fallback: String($0.3)) }) == settings)

        let help = try await Self.help(of: ["serve"])
        #expect(help == settings)
        #expect(try await Self.help(of: ["doctor"]) == settings)
    }

    @Test func `secrets are variables without an option, in the list, the help and the documentation`() async throws {
        let source = try PackageFile.read("Sources/ChatServer/Settings/Settings.swift")
        let declared = source.matches(of: /= SecretSetting<.*>\(\s*variable: "([A-Z_]+)"/).map { String($0.1) }
        #expect(declared == Settings.secretVariables)
        let page = try PackageFile.read("docs/configuration.md")
        #expect(page.matches(of: /(?m)^\| `(CHAT_[A-Z_]+)` \| .* \|$/).map { String($0.1) } == declared)
        let help = try await ChatAPIProcess.run("serve", "--help", in: NSTemporaryDirectory()).output
        for variable in declared {
            #expect(help.contains(variable))
        }
    }

    @Test(arguments: [
        (
            ["export"], ["database-url", "sqlite-busy-timeout", "connect-timeout", "statement-timeout"]
        ),
        (
            ["import"],
            [
                "database-url", "sqlite-busy-timeout", "connect-timeout", "statement-timeout", "migrate",
                "migration-lock-timeout", "log-level", "log-format",
            ]
        ),
        (
            ["migrate", "upgrade"],
            [
                "database-url", "sqlite-busy-timeout", "connect-timeout", "statement-timeout", "migration-lock-timeout",
            ]
        ),
        (["migrate", "history"], []),
        (["backup"], ["database-url", "sqlite-busy-timeout", "connect-timeout", "statement-timeout"]),
        (["healthcheck"], ["host", "port", "tls-certificate", "tls-key"]),
        (["token"], ["jwt-issuer", "jwt-audience", "token-max-age"]),
        (
            ["key", "create"],
            [
                "database-url", "sqlite-busy-timeout", "connect-timeout", "statement-timeout", "migrate",
                "migration-lock-timeout", "log-level", "log-format",
            ]
        ),
        (["key", "list"], ["database-url", "sqlite-busy-timeout", "connect-timeout", "statement-timeout"]),
        (["key", "revoke"], ["database-url", "sqlite-busy-timeout", "connect-timeout", "statement-timeout"]),
    ])
    func `a command's help lists the settings that it uses`(_ command: [String], _ flags: [String]) async throws {
        let help = try await Self.help(of: command)
        #expect(Set(help.map(\.flag)) == Set(flags))
        #expect(help.isSubset(of: Set(Settings.all.map(Row.init))))
    }

    @Test func `an error names what the user wrote`() async throws {
        try await withTemporaryFolder { folder in
            try Data("# Limits\nexport CHAT_IDLE_TIMEOUT='20'\n".utf8).write(to: URL(filePath: folder + "/.env"))
            let environment = ["CHAT_BODY_TIMEOUT": "25"]
            let byVariable = try await ChatAPIProcess.run("serve", in: folder, environment: environment)
            let reason = "it must be shorter than CHAT_IDLE_TIMEOUT (.env, line 2), 20.0 seconds\n"
            #expect(byVariable.errors == "Error: CHAT_BODY_TIMEOUT is 25.0 seconds: " + reason)
            let byFlag = try await ChatAPIProcess.run("serve", "--idle-timeout=25", in: folder, environment: [:])
            #expect(
                byFlag.errors
                    == "Error: --body-timeout is 30.0 seconds: it must be shorter than --idle-timeout, 25.0 seconds\n"
            )
        }
    }

    @Test func `an unknown variable causes a warning that names the nearest setting`() async throws {
        try await withTemporaryFolder { folder in
            try Data("DATABASE_URI=sqlite:///other.db\nNAME=x\nlog_level=debug\n".utf8)
                .write(to: URL(filePath: folder + "/.env"))
            let environment = [
                "CHAT_PROT": "1", "CHAT_HOST": "127.0.0.1", "CHAT_JWT_SECRETS": "hunter2", "LOG_DIR": "/tmp",
                "PORT": "1",
            ]
            try Data().write(to: URL(filePath: folder + "/chat.db"))
            let warnings = [
                "CHAT_JWT_SECRETS is not a setting; did you mean CHAT_JWT_SECRET?",
                "CHAT_PROT is not a setting; did you mean CHAT_PORT?",
                "DATABASE_URI (.env, line 1) is not a setting; did you mean DATABASE_URL?",
                "log_level (.env, line 3) is not a setting; did you mean LOG_LEVEL?",
            ]
            let command = try await ChatAPIProcess.run("migrate", "current", in: folder, environment: environment)
            #expect(command.errors == warnings.map { "Warning: \($0)\n" }.joined())
            let served = try await ChatAPIProcess.serve(in: folder, environment: environment) { _ async throws in }
            let logged = served.errors.split(separator: "\n").filter { $0.contains("is not a setting") }
            #expect(logged.count == warnings.count)
            for (line, warning) in zip(logged, warnings) {
                #expect(line.contains(/warning/.ignoresCase()) && line.hasSuffix(warning))
            }
        }
    }

    @Test(arguments: [
        ("--pool-size", "CHAT_POOL_SIZE", "0"), ("--pool-timeout", "CHAT_POOL_TIMEOUT", "x"),
        ("--pool-max-lifetime", "CHAT_POOL_MAX_LIFETIME", "0"), ("--batch-size", "CHAT_BATCH_SIZE", "0"),
        ("--batch-size", "CHAT_BATCH_SIZE", "10001"), ("--queue-size", "CHAT_QUEUE_SIZE", "0"),
        ("--queue-timeout", "CHAT_QUEUE_TIMEOUT", "0"), ("--queue-timeout", "CHAT_QUEUE_TIMEOUT", "inf"),
        ("--shards", "CHAT_SHARDS", "0"), ("--shards", "CHAT_SHARDS", "65"),
        ("--latest-messages-cache-bytes", "CHAT_LATEST_MESSAGES_CACHE_BYTES", "-1"),
        ("--latest-messages-cache-bytes", "CHAT_LATEST_MESSAGES_CACHE_BYTES", "64MB"),
        ("--pool-max-lifetime", "CHAT_POOL_MAX_LIFETIME", "604801"),
        ("--connect-timeout", "CHAT_CONNECT_TIMEOUT", "0"), ("--statement-timeout", "CHAT_STATEMENT_TIMEOUT", "-1"),
        ("--auth", "CHAT_AUTH", "closed"),
        ("--jwks-url", "CHAT_JWKS_URL", "http://id.example/"), ("--jwks-url", "CHAT_JWKS_URL", "jwks.json"),
        ("--token-max-age", "CHAT_TOKEN_MAX_AGE", "59"),
        ("--port", "CHAT_PORT", "abc"), ("--port", "CHAT_PORT", "65536"), ("--port", "CHAT_PORT", "-1"),
        ("--host", "CHAT_HOST", "a b"), ("--log-level", "LOG_LEVEL", "loud"), ("--log-format", "LOG_FORMAT", "xml"),
        ("--max-body-bytes", "CHAT_MAX_BODY_BYTES", "1e6"), ("--body-timeout", "CHAT_BODY_TIMEOUT", "nan"),
        ("--idle-timeout", "CHAT_IDLE_TIMEOUT", "0"), ("--max-header-bytes", "CHAT_MAX_HEADER_BYTES", "1"),
        ("--max-connections", "CHAT_MAX_CONNECTIONS", "0"),
        ("--max-connections-per-address", "CHAT_MAX_CONNECTIONS_PER_ADDRESS", "0"),
        ("--max-surplus-connections", "CHAT_MAX_SURPLUS_CONNECTIONS", "0"),
        ("--max-unsent-bytes", "CHAT_MAX_UNSENT_BYTES", "1"), ("--shutdown-grace", "CHAT_SHUTDOWN_GRACE", "-1"),
        ("--max-streams", "CHAT_MAX_STREAMS", "-1"), ("--max-streams-per-address", "CHAT_MAX_STREAMS_PER_ADDRESS", "x"),
        ("--stream-heartbeat", "CHAT_STREAM_HEARTBEAT", "0"), ("--stream-lag", "CHAT_STREAM_LAG", "0"),
        ("--websocket-auth-timeout", "CHAT_WEBSOCKET_AUTH_TIMEOUT", "0"),
        ("--stream-stall-timeout", "CHAT_STREAM_STALL_TIMEOUT", "0"),
        ("--stream-check-interval", "CHAT_STREAM_CHECK_INTERVAL", "0"),
        ("--websocket-origins", "CHAT_WEBSOCKET_ORIGINS", "app.example"),
        ("--websocket-origins", "CHAT_WEBSOCKET_ORIGINS", "https://app.example/"),
        ("--websocket-origins", "CHAT_WEBSOCKET_ORIGINS", "http://app.example:80"),
        ("--websocket-origins", "CHAT_WEBSOCKET_ORIGINS", "https://a.example,https://*.example"),
        ("--cors-origins", "CHAT_CORS_ORIGINS", "HTTPS://app.example:443"),
        ("--cors-origins", "CHAT_CORS_ORIGINS", "https://app.example:"), ("--docs", "CHAT_DOCS", "no"),
        ("--pages", "CHAT_PAGES", "1"), ("--embed-origins", "CHAT_EMBED_ORIGINS", "*"),
        ("--embed-origins", "CHAT_EMBED_ORIGINS", "https://app.example,"),
        ("--cors-origins", "CHAT_CORS_ORIGINS", "any"),
        ("--cors-origins", "CHAT_CORS_ORIGINS", "*,https://app.example"),
        ("--allowed-hosts", "CHAT_ALLOWED_HOSTS", "chat.example:80"), ("--allowed-hosts", "CHAT_ALLOWED_HOSTS", "a,"),
        ("--root-path", "CHAT_ROOT_PATH", "chat"), ("--root-path", "CHAT_ROOT_PATH", "/chat/"),
        ("--root-path", "CHAT_ROOT_PATH", "/a\"b"), ("--root-path", "CHAT_ROOT_PATH", "/a//b"),
        ("--sqlite-readers", "CHAT_SQLITE_READERS", "0"), ("--sqlite-busy-timeout", "CHAT_SQLITE_BUSY_TIMEOUT", "x"),
        ("--migration-lock-timeout", "CHAT_MIGRATION_LOCK_TIMEOUT", "0"),
        ("--database-url", "DATABASE_URL", "mysql://localhost/chat"), ("--database-url", "DATABASE_URL", "chat.db"),
    ])
    func `an invalid value ends the command with one line`(_ flag: String, _ variable: String, _ value: String)
        async throws
    {
        try await withTemporaryFolder { folder in
            let byFlag = try await ChatAPIProcess.run("serve", "\(flag)=\(value)", in: folder)
            let byVariable = try await ChatAPIProcess.run("serve", in: folder, environment: [variable: value])
            for (outcome, name) in [(byFlag, flag), (byVariable, variable)] {
                #expect(outcome.status == 1)
                #expect(outcome.errors.hasPrefix("Error: \(name) is '\(value)': it must be "))
                #expect(outcome.errors.split(separator: "\n").count == 1)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
        }
    }

    @Test func `the command line overrides the environment, which overrides the file`() async throws {
        try await withTemporaryFolder { folder in
            try Data("LOG_FORMAT='file'\nCHAT_HOST=\"file\"\nLOG_LEVEL=file\n".utf8)
                .write(to: URL(filePath: folder + "/.env"))
            let environment = ["LOG_LEVEL": "environment", "CHAT_HOST": "127.0.0.1", "LOG_FORMAT": "json"]
            func complaint(_ arguments: String, _ environment: [String: String]) async throws -> String {
                try await ChatAPIProcess.run("serve", arguments, in: folder, environment: environment).errors
            }
            let byFlag = try await complaint("--log-level=flag", environment)
            #expect(byFlag.hasPrefix("Error: --log-level is 'flag'"))
            let byVariable = try await complaint("--port=0", environment)
            #expect(byVariable.hasPrefix("Error: LOG_LEVEL is 'environment'"))
            let byFile = try await complaint("--log-level=info", [:])
            #expect(byFile.hasPrefix("Error: LOG_FORMAT (.env, line 1) is 'file'"))
        }
    }

    @Test func `a password is never printed`() async throws {
        try await withTemporaryFolder { folder in
            for url in [
                "mysql://me:hunter2@localhost/chat", "postgresql://me:hunter2@localhost:port/chat",
                "postgresql://localhost/chat?password=hunter2&nonsense=1", "postgresql://me:hunter2@127.0.0.1:1/chat",
                "me:hunter2@localhost/chat",
                "mysql://localhost/chat?password=hunter2", "postgres://127.0.0.1:1/chat?password=hunter2",
                "postgresql+asyncpg://me:hunter2@no.such.host.invalid/",
            ] {
                let outcome = try await ChatAPIProcess.run("serve", in: folder, environment: ["DATABASE_URL": url])
                #expect(outcome.status == 1)
                #expect(outcome.errors.split(separator: "\n").count == 1)
                #expect(outcome.errors.contains(/DATABASE_URL|cannot connect/))
                #expect(!(outcome.errors + outcome.output).contains("hunter2"))
            }
        }
    }

    @Test func `the configured hosts and root path are used`() async throws {
        try await withTemporaryFolder { folder in
            func served(_ hosts: String..., by arguments: String...) async throws -> [Bool] {
                var served: [Bool] = []
                let outcome = try await ChatAPIProcess.serve(arguments: arguments, in: folder) { client in
                    for host in hosts {
                        let status = try await client.send("GET", "/chats", headers: ["Host": host]).status
                        #expect(status == 200 || status == 421)
                        served.append(status == 200)
                    }
                    let document = try await client.send("GET", "/openapi.json", headers: ["Host": hosts[0]]).json
                    #expect(document["servers"]?[0]?["url"] == (arguments.count == 2 ? "/a/prefix" : "/"))
                }
                #expect(outcome.status == 0)
                return served
            }
            #expect(try await served("localhost:1", "chat.example") == [true, false])
            #expect(try await served("chat.example", "evil.example", by: "--allowed-hosts=any") == [true, true])
            let named = try await served(
                "chat.example",
                "[FD00::1]:443",
                "127.0.0.1",
                "evil.example",
                by: "--allowed-hosts=Chat.example,fd00::1",
                "--root-path=/a/prefix"
            )
            #expect(named == [true, true, true, false])
        }
    }

    @Test func `the configured origins are allowed`() async throws {
        try await withTemporaryFolder { folder in
            let origins = "--cors-origins=https://App.example,http://[::1]:3000,http://app.example:443"
            _ = try await ChatAPIProcess.serve(origins, in: folder) { client async throws in
                for origin in ["https://app.example", "http://[::1]:3000", "http://app.example:443"] {
                    let response = try await client.send("GET", "/chats", headers: ["Origin": origin])
                    #expect(response.headers["access-control-allow-origin"] == origin)
                }
            }
        }
    }

    @Test(
        arguments: [
            ("pages", ["/chat", "/client.js"], "Chat: "), ("docs", ["/docs", "/openapi.json"], "Docs: "),
        ]
    )
    func `the pages and the documentation can be turned off`(
        _ flag: String,
        _ paths: [String],
        _ notice: String
    ) async throws {
        try await withTemporaryFolder { folder in
            for (choice, status) in [("on", 200), ("off", 404)] {
                let outcome = try await ChatAPIProcess.serve("--\(flag)=\(choice)", in: folder) { client async throws in
                    for path in paths {
                        #expect(try await client.send("GET", path).status == status)
                    }
                }
                #expect(outcome.errors.contains(notice) == (choice == "on"))
            }
        }
    }

    /// A setting as shown in the table of docs/configuration.md and in the help.
    private struct Row: Hashable {
        let flag: String
        let variable: String
        let fallback: String

        init(flag: String, variable: String, fallback: String) {
            self.flag = flag
            self.variable = variable
            self.fallback = fallback
        }

        init(_ setting: any NamedSetting) {
            self.init(flag: setting.flag, variable: setting.variable, fallback: setting.fallback)
        }
    }

    /// The settings that the help of a command lists.
    private static func help(of command: [String]) async throws -> Set<Row> {
        let help = try await ChatAPIProcess.run(arguments: command + ["--help"], in: NSTemporaryDirectory())
        #expect(help.status == 0)
        let text = help.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        let options = text.matches(of: /--([a-z-]+) (?:(?! --).)*?\[([A-Z_]+)\] \(default: ([^)]*)\)/)
        return Set(
            options.map { Row(flag: String($0.1), variable: String($0.2), fallback: String($0.3)) }
        )
    }
}
