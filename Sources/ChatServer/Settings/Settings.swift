import Logging
import PostgresClient
import WebSocket

/// Everything that can be configured.
///
/// What belongs to the wire contract (lengths of texts, sizes of pages) cannot.
package enum Settings {
    static let databaseURL = Setting<DatabaseURL>(
        key: ["database", "url"],
        flag: "database-url",
        summary: """
            Where chats are kept: sqlite:///file.db, sqlite:////absolute/file.db, sqlite::memory: or \
            postgresql://user:password@host/database.
            """,
        placeholder: "url",
        fallback: "sqlite:///chat.db",
        expected: "a URL such as sqlite:///chat.db, sqlite::memory: or postgresql://user:password@host/database",
        parse: { DatabaseURL($0) }
    )
    static let listenURL = Setting<PostgresURL?>(
        key: ["chat", "listen", "url"],
        flag: "listen-url",
        summary: """
            A URL of the same PostgreSQL database for LISTEN and NOTIFY, where the other one leads through a pooler that \
            shares sessions among transactions.
            """,
        placeholder: "url",
        fallback: "same",
        expected: "same or a URL such as postgresql://user:password@host/database",
        parse: { text in
            if text == "same" { return .some(nil) }
            return PostgresURL(text).map { .some($0) }
        }
    )
    static let batchSize = Setting.wholeNumber(
        ["chat", "batch", "size"],
        flag: "batch-size",
        "Most requests that share a transaction.",
        in: 1...10_000,
        default: 256
    )
    static let queueSize = Setting.wholeNumber(
        ["chat", "queue", "size"],
        flag: "queue-size",
        "Most requests of a kind that wait for their batch in a lane; a further one is answered with 503.",
        in: 1...1_000_000,
        default: 4_096
    )
    static let queueTimeout = Setting.seconds(
        ["chat", "queue", "timeout"],
        flag: "queue-timeout",
        "Seconds that a request waits for its batch, else 503.",
        in: 0.1...3_600,
        default: 5
    )
    static let searchTimeout = Setting.seconds(
        ["chat", "search", "timeout"],
        flag: "search-timeout",
        "Seconds that a search in titles may wait for its turn, and may take, else 503.",
        in: 0.1...3_600,
        default: 5
    )
    static let searchQueueSize = Setting.wholeNumber(
        ["chat", "search", "queue", "size"],
        flag: "search-queue-size",
        "Most searches that wait for their turn; a further one is answered with 503.",
        in: 1...10_000,
        default: 32
    )
    static let sqliteReaders = Setting.wholeNumber(
        ["chat", "sqlite", "readers"],
        flag: "sqlite-readers",
        "Connections that read from SQLite at once.",
        in: 1...64,
        default: 2
    )
    static let sqliteBusyTimeout = Setting.seconds(
        ["chat", "sqlite", "busy", "timeout"],
        flag: "sqlite-busy-timeout",
        "Seconds to wait for a lock that another process has on SQLite.",
        in: 0...3_600,
        default: 5
    )

    static let migrate = Setting<Bool>(
        key: ["chat", "migrate"],
        flag: "migrate",
        summary: "Upgrade a PostgreSQL schema at start; SQLite's is always upgraded.",
        placeholder: "",
        fallback: "false",
        expected: "true or false",
        parse: { ["true": true, "1": true, "yes": true, "false": false, "0": false, "no": false][$0.lowercased()] }
    )
    static let migrationLockTimeout = Setting.seconds(
        ["chat", "migration", "lock", "timeout"],
        flag: "migration-lock-timeout",
        "Seconds that a migration waits for a table of PostgreSQL before it lets others pass and tries again.",
        in: 0.01...3_600,
        default: 1
    )
    static let lanes = Setting.wholeNumber(
        ["chat", "lanes"],
        flag: "lanes",
        "Batches of writes, each on a connection of its own, and as many of reads, that run side by side on PostgreSQL.",
        in: 1...64,
        default: 2
    )
    static let poolSize = Setting.wholeNumber(
        ["chat", "pool", "size"],
        flag: "pool-size",
        "Connections that read from PostgreSQL at once.",
        in: 1...1_000,
        default: 8
    )
    static let poolTimeout = Setting.seconds(
        ["chat", "pool", "timeout"],
        flag: "pool-timeout",
        "Seconds that a read waits for a connection to PostgreSQL, else 503.",
        in: 0.1...3_600,
        default: 5
    )
    static let poolMaximumLifetime = Setting.seconds(
        ["chat", "pool", "max", "lifetime"],
        flag: "pool-max-lifetime",
        "Seconds after which a connection to PostgreSQL is replaced, less up to a tenth.",
        in: 1...604_800,
        default: 1_800
    )
    static let connectTimeout = Setting.seconds(
        ["chat", "connect", "timeout"],
        flag: "connect-timeout",
        "Seconds that connecting to PostgreSQL may take.",
        in: 0.1...3_600,
        default: 5
    )
    static let statementTimeout = Setting.seconds(
        ["chat", "statement", "timeout"],
        flag: "statement-timeout",
        "Seconds that a statement may take in PostgreSQL, else 503.",
        in: 0.1...3_600,
        default: 10
    )

    static let maximumClockSkew = Setting.seconds(
        ["chat", "max", "clock", "skew"],
        flag: "max-clock-skew",
        "Seconds by which the clock may differ from PostgreSQL's, or leap ahead.",
        in: 1...86_400,
        default: 60
    )

    static let host = Setting<String>(
        key: ["chat", "host"],
        flag: "host",
        summary: "Address to listen on; 0.0.0.0 for every one.",
        placeholder: "host",
        fallback: "127.0.0.1",
        expected: "a host name or an address",
        parse: { $0.isEmpty || $0.contains(where: \.isWhitespace) ? nil : $0 }
    )
    static let port = Setting.wholeNumber(
        ["chat", "port"],
        flag: "port",
        "Port to listen on; 0 takes a free one.",
        in: 0...65_535,
        default: 8_000
    )

    static let allowedHosts = Setting<AllowedHosts>(
        key: ["chat", "allowed", "hosts"],
        flag: "allowed-hosts",
        summary: """
            Hosts that requests may be for; others are answered with 421: any, hosts with commas between them, or auto: \
            localhost alone where the server listens on a loopback address, else any.
            """,
        placeholder: "hosts",
        fallback: "auto",
        expected: "auto, any, or hosts without a port such as chat.example,10.0.0.5",
        parse: { AllowedHosts(setting: $0) }
    )
    static let rootPath = Setting<String>(
        key: ["chat", "root", "path"],
        flag: "root-path",
        summary: "Path under which a proxy, which strips it, shows the service: the OpenAPI document names it.",
        placeholder: "path",
        fallback: "/",
        expected: "a path such as /chat",
        parse: { $0 == "/" ? "" : $0.wholeMatch(of: /(\/[A-Za-z0-9._~-]+)+/).map { String($0.output.0) } }
    )

    static let maximumBodyBytes = Setting.wholeNumber(
        ["chat", "max", "body", "bytes"],
        flag: "max-body-bytes",
        "Largest request body; a larger one is answered with 413.",
        in: 1_024...1_073_741_824,
        default: 131_072
    )
    static let bodyTimeout = Setting.seconds(
        ["chat", "body", "timeout"],
        flag: "body-timeout",
        "Seconds in which a request's body must have arrived, else 408.",
        in: 0.1...3_600,
        default: 30
    )
    static let idleTimeout = Setting.seconds(
        ["chat", "idle", "timeout"],
        flag: "idle-timeout",
        "Seconds after which a connection without a request, or whose client reads nothing, is closed.",
        in: 0.1...86_400,
        default: 60
    )
    static let tailCacheBytes = Setting.wholeNumber(
        ["chat", "tail", "cache", "bytes"],
        flag: "tail-cache-bytes",
        "Memory for the answers to reads of chats that have not changed since.",
        in: 0...1_099_511_627_776,
        default: 268_435_456
    )
    static let readBytes = Setting.wholeNumber(
        ["chat", "read", "bytes"],
        flag: "read-bytes",
        "Memory for messages that are being read, each counted at its largest size; further reads wait.",
        in: 65_536...1_099_511_627_776,
        default: 33_554_432
    )
    static let maximumHeaderBytes = Setting.wholeNumber(
        ["chat", "max", "header", "bytes"],
        flag: "max-header-bytes",
        "Largest request head; a larger one is answered with 431.",
        in: 1_024...1_048_576,
        default: 16_384
    )
    static let maximumConnections = Setting.wholeNumber(
        ["chat", "max", "connections"],
        flag: "max-connections",
        "Most connections at once; further ones can only ask for the server's health, else they get 503.",
        in: 1...1_000_000,
        default: 10_000
    )
    static let maximumConnectionsPerAddress = Setting.wholeNumber(
        ["chat", "max", "connections", "per", "address"],
        flag: "max-connections-per-address",
        "Most of them from one IPv4 address or IPv6 /64, which is the proxy's behind a proxy; the same holds for further ones.",
        in: 1...1_000_000,
        default: 2_000
    )
    static let maximumSurplusConnections = Setting.wholeNumber(
        ["chat", "max", "surplus", "connections"],
        flag: "max-surplus-connections",
        "Most connections over these limits that are kept for such requests; one more closes the oldest of them.",
        in: 1...1_000_000,
        default: 64
    )
    static let maximumUnsentBytes = Setting.wholeNumber(
        ["chat", "max", "unsent", "bytes"],
        flag: "max-unsent-bytes",
        "Memory for responses that clients are yet to read; while there are more, requests are answered with 503.",
        in: 65_536...1_099_511_627_776,
        default: 268_435_456
    )
    static let maximumStreams = Setting.wholeNumber(
        ["chat", "max", "streams"],
        flag: "max-streams",
        "Most streams, long polls and WebSockets at once; a further one is answered with 503.",
        in: 0...1_000_000,
        default: 8_000
    )
    static let maximumStreamsPerAddress = Setting.wholeNumber(
        ["chat", "max", "streams", "per", "address"],
        flag: "max-streams-per-address",
        "Most of them from one address, which is the proxy's behind a proxy; a further one is answered with 429.",
        in: 0...1_000_000,
        default: 1_000
    )
    static let streamChats = Setting.wholeNumber(
        ["chat", "stream", "chats"],
        flag: "stream-chats",
        "Most chats on one connection; of more, a stream of all chats follows those that were active last.",
        in: 1...10_000,
        default: 500
    )
    static let streamHeartbeat = Setting.seconds(
        ["chat", "stream", "heartbeat"],
        flag: "stream-heartbeat",
        "Seconds after which a quiet stream sends something.",
        in: 1...3_600,
        default: 15
    )
    static let streamStallTimeout = Setting.seconds(
        ["chat", "stream", "stall", "timeout"],
        flag: "stream-stall-timeout",
        "Seconds for which a reader may take nothing before its stream ends.",
        in: 1...3_600,
        default: 30
    )
    static let streamLag = Setting.wholeNumber(
        ["chat", "stream", "lag"],
        flag: "stream-lag",
        "Events that a reader may be behind before its stream ends.",
        in: 1...1_000_000,
        default: 1_000
    )
    static let streamCheckInterval = Setting.seconds(
        ["chat", "stream", "check", "interval"],
        flag: "stream-check-interval",
        "Seconds between looks at the database for changes of which no word has come.",
        in: 0.1...3_600,
        default: 5
    )
    static let maximumStreamReads = Setting.wholeNumber(
        ["chat", "max", "stream", "reads"],
        flag: "max-stream-reads",
        "Pages of 50 entries that are read from the database at once for streams that are behind.",
        in: 1...1_000,
        default: 4
    )
    static let typingInterval = Setting.seconds(
        ["chat", "typing", "interval"],
        flag: "typing-interval",
        "Seconds for which the same metadata is not shown as typing in a chat again.",
        in: 0...3_600,
        default: 1
    )
    static let maximumTypingPerChat = Setting.wholeNumber(
        ["chat", "max", "typing", "per", "chat"],
        flag: "max-typing-per-chat",
        "Most typing events shown in a chat within a second; further ones are dropped.",
        in: 1...1_000_000,
        default: 20
    )
    static let maximumTypingPerAddress = Setting.wholeNumber(
        ["chat", "max", "typing", "per", "address"],
        flag: "max-typing-per-address",
        "Most typing events from one address, which is the proxy's behind a proxy, within a second; further ones get 429.",
        in: 1...1_000_000,
        default: 200
    )
    static let webSocketOrigins = Setting<OriginPolicy>(
        key: ["chat", "websocket", "origins"],
        flag: "websocket-origins",
        summary: "Whose pages may open a WebSocket: same-host, any, or origins with commas between them.",
        placeholder: "origins",
        fallback: "same-host",
        expected: "same-host, any, or origins such as https://app.example,https://www.app.example",
        parse: { OriginPolicy(setting: $0) }
    )
    static let drainDelay = Setting.seconds(
        ["chat", "drain", "delay"],
        flag: "drain-delay",
        "Seconds for which the server still serves after SIGTERM, while it says that it is not ready.",
        in: 0...3_600,
        default: 0
    )
    static let shutdownGrace = Setting.seconds(
        ["chat", "shutdown", "grace"],
        flag: "shutdown-grace",
        "Seconds that requests in flight have to finish at shutdown.",
        in: 0...3_600,
        default: 10
    )

    static let logLevel = Setting.choice(
        ["log", "level"],
        flag: "log-level",
        "Least severe messages to log: \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")).",
        default: Logger.Level.info
    )
    static let logFormat = Setting.choice(
        ["log", "format"],
        flag: "log-format",
        "Form of the log's lines: text or json.",
        default: LogFormat.text
    )

    static let docsAssets = Setting<String>(
        key: ["chat", "docs", "assets"],
        flag: "docs-assets",
        summary: "Folder with the files of Swagger UI and ReDoc.",
        placeholder: "folder",
        fallback: Installation.documentation ?? "public/docs",
        expected: "a folder",
        parse: { $0.isEmpty ? nil : $0 }
    )

    /// Every setting.
    package static let all: [any NamedSetting] = [
        databaseURL,
        listenURL,
        maximumClockSkew,
        batchSize,
        queueSize,
        queueTimeout,
        searchTimeout,
        searchQueueSize,
        sqliteReaders,
        sqliteBusyTimeout,
        migrate,
        migrationLockTimeout,
        lanes,
        poolSize,
        poolTimeout,
        poolMaximumLifetime,
        connectTimeout,
        statementTimeout,
        host,
        port,
        allowedHosts,
        rootPath,
        maximumBodyBytes,
        bodyTimeout,
        idleTimeout,
        tailCacheBytes,
        readBytes,
        maximumHeaderBytes,
        maximumConnections,
        maximumConnectionsPerAddress,
        maximumSurplusConnections,
        maximumUnsentBytes,
        maximumStreams,
        maximumStreamsPerAddress,
        streamChats,
        streamHeartbeat,
        streamStallTimeout,
        streamLag,
        streamCheckInterval,
        maximumStreamReads,
        typingInterval,
        maximumTypingPerChat,
        maximumTypingPerAddress,
        webSocketOrigins,
        drainDelay,
        shutdownGrace,
        logLevel,
        logFormat,
        docsAssets,
    ]
}
