import ChatTestSupport
import Foundation
import Testing

/// How the program is configured, seen from outside.
@Suite(.timeLimit(.minutes(5)))
struct ConfigurationTests {
    @Test func theHelpShowsEverySettingWithItsVariableAndDefault() async throws {
        try await withTemporaryFolder { folder in
            let help = try await ChatAPIProcess.run("serve", "--help", in: folder)
            #expect(help.status == 0)
            let text = help.output.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            for (flag, variable, fallback) in [
                ("database-url", "DATABASE_URL", "sqlite:///chat.db"), ("host", "CHAT_HOST", "127.0.0.1"),
                ("port", "CHAT_PORT", "8000"), ("log-level", "LOG_LEVEL", "info"), ("log-format", "LOG_FORMAT", "text"),
                ("max-body-bytes", "CHAT_MAX_BODY_BYTES", "131072"), ("body-timeout", "CHAT_BODY_TIMEOUT", "30"),
                ("idle-timeout", "CHAT_IDLE_TIMEOUT", "60"), ("max-header-bytes", "CHAT_MAX_HEADER_BYTES", "16384"),
                ("max-connections", "CHAT_MAX_CONNECTIONS", "10000"), ("shutdown-grace", "CHAT_SHUTDOWN_GRACE", "10"),
                ("sqlite-readers", "CHAT_SQLITE_READERS", "2"), ("batch-size", "CHAT_BATCH_SIZE", "256"),
                ("queue-size", "CHAT_QUEUE_SIZE", "4096"), ("queue-timeout", "CHAT_QUEUE_TIMEOUT", "5"),
                ("lanes", "CHAT_LANES", "2"), ("tail-cache-bytes", "CHAT_TAIL_CACHE_BYTES", "268435456"),
                ("sqlite-busy-timeout", "CHAT_SQLITE_BUSY_TIMEOUT", "5"),
                ("docs-assets", "CHAT_DOCS_ASSETS", "public/docs"), ("pool-size", "CHAT_POOL_SIZE", "8"),
                ("pool-timeout", "CHAT_POOL_TIMEOUT", "5"), ("connect-timeout", "CHAT_CONNECT_TIMEOUT", "5"),
                ("statement-timeout", "CHAT_STATEMENT_TIMEOUT", "10"),
                ("pool-max-lifetime", "CHAT_POOL_MAX_LIFETIME", "1800"), ("max-streams", "CHAT_MAX_STREAMS", "8000"),
                ("max-streams-per-address", "CHAT_MAX_STREAMS_PER_ADDRESS", "1000"),
                ("stream-heartbeat", "CHAT_STREAM_HEARTBEAT", "15"), ("stream-lag", "CHAT_STREAM_LAG", "1000"),
                ("stream-stall-timeout", "CHAT_STREAM_STALL_TIMEOUT", "30"),
                ("stream-check-interval", "CHAT_STREAM_CHECK_INTERVAL", "5"),
                ("websocket-origins", "CHAT_WEBSOCKET_ORIGINS", "same-host"),
            ] {
                #expect(text.contains("--\(flag) <"))
                #expect(text.contains("[\(variable)] (default: \(fallback))"))
            }
        }
    }

    @Test(arguments: [
        ("--pool-size", "CHAT_POOL_SIZE", "0"), ("--pool-timeout", "CHAT_POOL_TIMEOUT", "x"),
        ("--pool-max-lifetime", "CHAT_POOL_MAX_LIFETIME", "0"), ("--batch-size", "CHAT_BATCH_SIZE", "0"),
        ("--batch-size", "CHAT_BATCH_SIZE", "10001"), ("--queue-size", "CHAT_QUEUE_SIZE", "0"),
        ("--queue-timeout", "CHAT_QUEUE_TIMEOUT", "0"), ("--queue-timeout", "CHAT_QUEUE_TIMEOUT", "inf"),
        ("--lanes", "CHAT_LANES", "0"), ("--lanes", "CHAT_LANES", "65"),
        ("--tail-cache-bytes", "CHAT_TAIL_CACHE_BYTES", "-1"), ("--tail-cache-bytes", "CHAT_TAIL_CACHE_BYTES", "64MB"),
        ("--pool-max-lifetime", "CHAT_POOL_MAX_LIFETIME", "604801"),
        ("--connect-timeout", "CHAT_CONNECT_TIMEOUT", "0"), ("--statement-timeout", "CHAT_STATEMENT_TIMEOUT", "-1"),
        ("--port", "CHAT_PORT", "abc"), ("--port", "CHAT_PORT", "65536"), ("--port", "CHAT_PORT", "-1"),
        ("--host", "CHAT_HOST", "a b"), ("--log-level", "LOG_LEVEL", "loud"), ("--log-format", "LOG_FORMAT", "xml"),
        ("--max-body-bytes", "CHAT_MAX_BODY_BYTES", "1e6"), ("--body-timeout", "CHAT_BODY_TIMEOUT", "nan"),
        ("--idle-timeout", "CHAT_IDLE_TIMEOUT", "0"), ("--max-header-bytes", "CHAT_MAX_HEADER_BYTES", "1"),
        ("--max-connections", "CHAT_MAX_CONNECTIONS", "0"), ("--shutdown-grace", "CHAT_SHUTDOWN_GRACE", "-1"),
        ("--max-streams", "CHAT_MAX_STREAMS", "-1"), ("--max-streams-per-address", "CHAT_MAX_STREAMS_PER_ADDRESS", "x"),
        ("--stream-heartbeat", "CHAT_STREAM_HEARTBEAT", "0"), ("--stream-lag", "CHAT_STREAM_LAG", "0"),
        ("--stream-stall-timeout", "CHAT_STREAM_STALL_TIMEOUT", "0"),
        ("--stream-check-interval", "CHAT_STREAM_CHECK_INTERVAL", "0"),
        ("--websocket-origins", "CHAT_WEBSOCKET_ORIGINS", "app.example"),
        ("--websocket-origins", "CHAT_WEBSOCKET_ORIGINS", "https://app.example/"),
        ("--sqlite-readers", "CHAT_SQLITE_READERS", "0"), ("--sqlite-busy-timeout", "CHAT_SQLITE_BUSY_TIMEOUT", "x"),
        ("--database-url", "DATABASE_URL", "mysql://localhost/chat"), ("--database-url", "DATABASE_URL", "chat.db"),
    ])
    func aBadValueEndsWithOneLine(_ flag: String, _ variable: String, _ value: String) async throws {
        try await withTemporaryFolder { folder in
            let byFlag = try await ChatAPIProcess.run("serve", "\(flag)=\(value)", in: folder)
            let byVariable = try await ChatAPIProcess.run("serve", in: folder, environment: [variable: value])
            for outcome in [byFlag, byVariable] {
                #expect(outcome.status == 1)
                #expect(outcome.errors.hasPrefix("Error: \(variable) (\(flag)) is '\(value)': it must be "))
                #expect(outcome.errors.split(separator: "\n").count == 1)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
        }
    }

    @Test func theCommandLineWinsOverTheEnvironmentAndThatOverTheFile() async throws {
        try await withTemporaryFolder { folder in
            try Data("LOG_FORMAT='file'\nCHAT_HOST=\"file\"\nLOG_LEVEL=file\n".utf8)
                .write(to: URL(filePath: folder + "/.env"))
            let environment = ["LOG_LEVEL": "environment", "CHAT_HOST": "127.0.0.1", "LOG_FORMAT": "environment"]
            func complaint(_ arguments: String, _ environment: [String: String]) async throws -> String {
                try await ChatAPIProcess.run("serve", arguments, in: folder, environment: environment).errors
            }
            let byFlag = try await complaint("--log-level=flag", environment)
            #expect(byFlag.hasPrefix("Error: LOG_LEVEL (--log-level) is 'flag'"))
            let byVariable = try await complaint("--port=0", environment)
            #expect(byVariable.hasPrefix("Error: LOG_LEVEL (--log-level) is 'environment'"))
            let byFile = try await complaint("--log-level=info", [:])
            #expect(byFile.hasPrefix("Error: LOG_FORMAT (--log-format) is 'file'"))
        }
    }

    @Test func aPasswordIsNeverWritten() async throws {
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
}
