import ChatIdentity
import HTTPConnections
import Logging
import NIOCore
import PostgresClient
import RateLimiting
import WebSocket

/// Every configuration setting.
///
/// Limits that are part of the API's contract, such as text lengths and page sizes, are not configurable.
package enum Settings {
    static let databaseURL = Setting<DatabaseURL>(
        key: ["database", "url"],
        flag: "database-url",
        summary: """
            The database: sqlite:///file.db, sqlite:////absolute/file.db, sqlite::memory: or \
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
            The URL of the same PostgreSQL database for LISTEN and NOTIFY, needed if DATABASE_URL goes through a pooler \
            in transaction mode.
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
        "Maximum number of requests in one transaction.",
        in: 1...10_000,
        default: 256
    )
    static let queueSize = Setting.wholeNumber(
        ["chat", "queue", "size"],
        flag: "queue-size",
        "Maximum number of requests of one kind waiting for a batch, per shard; more get 503.",
        in: 1...1_000_000,
        default: 4_096
    )
    static let queueTimeout = Setting.seconds(
        ["chat", "queue", "timeout"],
        flag: "queue-timeout",
        "Seconds a request may wait for its batch before it gets 503.",
        in: 0.1...3_600,
        default: 5
    )
    static let searchTimeout = Setting.seconds(
        ["chat", "search", "timeout"],
        flag: "search-timeout",
        "Seconds a title search may wait for its turn, and may then run, before it gets 503.",
        in: 0.1...3_600,
        default: 5
    )
    static let searchQueueSize = Setting.wholeNumber(
        ["chat", "search", "queue", "size"],
        flag: "search-queue-size",
        "Maximum number of searches waiting for their turn; more get 503.",
        in: 1...10_000,
        default: 32
    )
    static let sqliteReaders = Setting.wholeNumber(
        ["chat", "sqlite", "readers"],
        flag: "sqlite-readers",
        "Number of connections for concurrent reads from SQLite.",
        in: 1...64,
        default: 2
    )
    static let sqliteBusyTimeout = Setting.seconds(
        ["chat", "sqlite", "busy", "timeout"],
        flag: "sqlite-busy-timeout",
        "Seconds to wait for another process's lock on the SQLite database.",
        in: 0...3_600,
        default: 5
    )

    static let migrate = Setting<Bool>(
        key: ["chat", "migrate"],
        flag: "migrate",
        summary: "Upgrade the PostgreSQL schema at startup; a SQLite schema is always upgraded.",
        placeholder: "",
        fallback: "false",
        expected: "true or false",
        parse: { ["true": true, "1": true, "yes": true, "false": false, "0": false, "no": false][$0.lowercased()] }
    )
    static let migrationLockTimeout = Setting.seconds(
        ["chat", "migration", "lock", "timeout"],
        flag: "migration-lock-timeout",
        "Seconds a migration waits for a PostgreSQL table lock before it lets other sessions pass and retries.",
        in: 0.01...3_600,
        default: 1
    )
    static let shards = Setting<Int>(
        key: ["chat", "shards"],
        flag: "shards",
        summary: """
            Number of shards on PostgreSQL; each runs one batch of writes and one of reads at a time. auto: 1 on up to \
            three cores, otherwise 2.
            """,
        placeholder: "number",
        fallback: "auto",
        expected: "auto, or a whole number from 1 to 64",
        parse: { text in
            // On two cores, a second shard only makes batches smaller: see docs/performance.md.
            text == "auto" ? (System.coreCount > 3 ? 2 : 1) : Int(text).flatMap { (1...64).contains($0) ? $0 : nil }
        }
    )
    static let poolSize = Setting.wholeNumber(
        ["chat", "pool", "size"],
        flag: "pool-size",
        "Number of connections for concurrent reads from PostgreSQL.",
        in: 1...1_000,
        default: 8
    )
    static let poolTimeout = Setting.seconds(
        ["chat", "pool", "timeout"],
        flag: "pool-timeout",
        "Seconds a read may wait for a PostgreSQL connection before it gets 503.",
        in: 0.1...3_600,
        default: 5
    )
    static let poolMaximumLifetime = Setting.seconds(
        ["chat", "pool", "max", "lifetime"],
        flag: "pool-max-lifetime",
        "Seconds after which a PostgreSQL connection is replaced, shortened at random by up to a tenth.",
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
        "Seconds a statement may run in PostgreSQL before the request gets 503.",
        in: 0.1...3_600,
        default: 10
    )

    static let maximumClockSkew = Setting.seconds(
        ["chat", "max", "clock", "skew"],
        flag: "max-clock-skew",
        "Seconds the clock may differ from PostgreSQL's, or jump ahead.",
        in: 1...86_400,
        default: 60
    )

    static let host = Setting<String>(
        key: ["chat", "host"],
        flag: "host",
        summary: "Address to listen on; 0.0.0.0 for all.",
        placeholder: "host",
        fallback: "127.0.0.1",
        expected: "a host name or an address",
        parse: { $0.isEmpty || $0.contains(where: \.isWhitespace) ? nil : $0 }
    )
    static let port = Setting.wholeNumber(
        ["chat", "port"],
        flag: "port",
        "Port to listen on; 0 picks a free one.",
        in: 0...65_535,
        default: 8_000
    )

    static let tlsCertificate = Setting<String?>(
        key: ["chat", "tls", "certificate"],
        flag: "tls-certificate",
        summary: "PEM file with the certificate chain for TLS; it is reloaded when the file changes.",
        placeholder: "file",
        fallback: "none",
        expected: "a file or none",
        parse: { $0.isEmpty ? nil : .some($0 == "none" ? nil : $0) }
    )
    static let tlsKey = Setting<String?>(
        key: ["chat", "tls", "key"],
        flag: "tls-key",
        summary: "PEM file with the certificate's private key.",
        placeholder: "file",
        fallback: "none",
        expected: "a file or none",
        parse: { $0.isEmpty ? nil : .some($0 == "none" ? nil : $0) }
    )

    static let allowedHosts = Setting<AllowedHosts>(
        key: ["chat", "allowed", "hosts"],
        flag: "allowed-hosts",
        summary: """
            Hosts to serve; requests for others get 421. Either any, a comma-separated list, or auto: only localhost \
            if the server listens on a loopback address, otherwise any.
            """,
        placeholder: "hosts",
        fallback: "auto",
        expected: "auto, any, or hosts without a port such as chat.example,10.0.0.5",
        parse: { AllowedHosts(setting: $0) }
    )
    static let rootPath = Setting<String>(
        key: ["chat", "root", "path"],
        flag: "root-path",
        summary: "Path that a proxy adds for clients and strips from requests; the OpenAPI document includes it.",
        placeholder: "path",
        fallback: "/",
        expected: "a path such as /chat",
        parse: { $0 == "/" ? "" : $0.wholeMatch(of: /(\/[A-Za-z0-9._~-]+)+/).map { String($0.output.0) } }
    )

    static let auth = Setting.choice(
        ["chat", "auth"],
        flag: "auth",
        """
        Whether requests need a credential: open (no), required (yes), or auto: open on a loopback address without any \
        key, otherwise required.
        """,
        default: AccessSetting.auto
    )
    static let jwtSecrets = SecretSetting<[String]>(
        variable: "CHAT_JWT_SECRET",
        expected: """
            a secret of at least \(TokenKey.minimumSecretLength) bytes for HS256, or several separated by commas, such as \
            the output of openssl rand -hex 32
            """,
        parse: { text in
            let secrets = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            return secrets.allSatisfy { $0.utf8.count >= TokenKey.minimumSecretLength } ? secrets : nil
        }
    )
    static let serverKey = SecretSetting<ServerKey>(
        variable: "CHAT_SERVER_KEY",
        expected: """
            sk_ID_SECRET, with an id of letters and digits and a secret of \(ServerKey.secretLengths.lowerBound) to \
            \(ServerKey.secretLengths.upperBound) letters, digits, - or _
            """,
        parse: { ServerKey($0) }
    )
    static let jwtKeys = Setting<String?>(
        key: ["chat", "jwt", "keys"],
        flag: "jwt-keys",
        summary: "JWK set with the keys that sign users' tokens; it is reloaded when the file changes.",
        placeholder: "file",
        fallback: "none",
        expected: "a file or none",
        parse: { $0.isEmpty ? nil : .some($0 == "none" ? nil : $0) }
    )
    static let jwksURL = Setting<KeySetAddress?>(
        key: ["chat", "jwks", "url"],
        flag: "jwks-url",
        summary: "URL of an identity provider's JWK set; it is fetched again when a token names an unknown key.",
        placeholder: "url",
        fallback: "none",
        expected: "none, or a URL such as https://id.example/jwks.json; http only on localhost",
        parse: { $0 == "none" ? .some(nil) : KeySetAddress($0).map { .some($0) } }
    )
    static let jwtIssuer = Setting.claim(
        ["chat", "jwt", "issuer"],
        flag: "jwt-issuer",
        "The iss that tokens must have.",
        placeholder: "issuer"
    )
    static let jwtAudience = Setting.claim(
        ["chat", "jwt", "audience"],
        flag: "jwt-audience",
        "A name that the aud of tokens must include.",
        placeholder: "audience"
    )
    static let tokenMaximumAge = Setting.seconds(
        ["chat", "token", "max", "age"],
        flag: "token-max-age",
        "Maximum number of seconds until a token expires; tokens that are valid for longer are rejected.",
        in: 60...31_536_000,
        default: 86_400
    )

    static let limits = Setting.choice(
        ["chat", "limits"],
        flag: "limits",
        """
        Whether users, or addresses without a user, that make too many requests get 429: on, off, or auto: off in open \
        mode on a loopback address, otherwise on.
        """,
        default: LimitSetting.auto
    )
    static let postRate = Setting.rate(
        ["chat", "post", "rate"],
        flag: "post-rate",
        "Posts and other changes per user, in a number of seconds.",
        default: "20/10"
    )
    static let readRate = Setting.rate(
        ["chat", "read", "rate"],
        flag: "read-rate",
        "Reads and streams opened per user, in a number of seconds.",
        default: "200/10"
    )
    static let textRate = Setting.rate(
        ["chat", "text", "rate"],
        flag: "text-rate",
        "Bytes of text that a user appends to open messages, in a number of seconds.",
        default: "65536/1"
    )
    static let typingRate = Setting.rate(
        ["chat", "typing", "rate"],
        flag: "typing-rate",
        "Typing events per user, in a number of seconds.",
        default: "10/10"
    )
    static let trustedProxies = Setting<TrustedProxies>(
        key: ["chat", "trusted", "proxies"],
        flag: "trusted-proxies",
        summary: """
            Addresses and networks of proxies whose Forwarded or X-Forwarded-For names the client, for limits and the log: \
            none or a list.
            """,
        placeholder: "networks",
        fallback: "none",
        expected: "none, or addresses and networks such as 127.0.0.1,10.0.0.0/8,fd00::/8",
        parse: { $0 == "none" ? TrustedProxies.none : TrustedProxies(list: $0) }
    )

    static let maximumBodyBytes = Setting.wholeNumber(
        ["chat", "max", "body", "bytes"],
        flag: "max-body-bytes",
        "Maximum size of a request body in bytes; larger ones get 413.",
        in: 1_024...1_073_741_824,
        default: 524_288
    )
    static let bodyTimeout = Setting.seconds(
        ["chat", "body", "timeout"],
        flag: "body-timeout",
        "Seconds in which a request body must arrive before the request gets 408.",
        in: 0.1...3_600,
        default: 30
    )
    static let idleTimeout = Setting.seconds(
        ["chat", "idle", "timeout"],
        flag: "idle-timeout",
        "Seconds after which a connection is closed if it has no request, or if its client reads nothing.",
        in: 0.1...86_400,
        default: 60
    )
    static let latestMessagesCacheBytes = Setting.wholeNumber(
        ["chat", "latest", "messages", "cache", "bytes"],
        flag: "latest-messages-cache-bytes",
        "Memory, in bytes, for cached responses to reads of unchanged chats.",
        in: 0...1_099_511_627_776,
        default: 268_435_456
    )
    static let readBytes = Setting.wholeNumber(
        ["chat", "read", "bytes"],
        flag: "read-bytes",
        "Memory, in bytes, for messages being read, each counted at its maximum size; further reads wait.",
        in: 65_536...1_099_511_627_776,
        default: 33_554_432
    )
    static let maximumHeaderBytes = Setting.wholeNumber(
        ["chat", "max", "header", "bytes"],
        flag: "max-header-bytes",
        "Maximum size of a request head in bytes; larger ones get 431.",
        in: 1_024...1_048_576,
        default: 16_384
    )
    static let maximumConnections = Setting.wholeNumber(
        ["chat", "max", "connections"],
        flag: "max-connections",
        "Maximum number of connections; more can only request /health/ and otherwise get 503.",
        in: 1...1_000_000,
        default: 10_000
    )
    static let maximumConnectionsPerAddress = Setting.wholeNumber(
        ["chat", "max", "connections", "per", "address"],
        flag: "max-connections-per-address",
        "Maximum number of connections from one IPv4 address or IPv6 /64, such as a proxy's.",
        in: 1...1_000_000,
        default: 2_000
    )
    static let maximumSurplusConnections = Setting.wholeNumber(
        ["chat", "max", "surplus", "connections"],
        flag: "max-surplus-connections",
        "Maximum number of connections over these limits that are kept for /health/; one more closes the oldest.",
        in: 1...1_000_000,
        default: 256
    )
    static let maximumUnsentBytes = Setting.wholeNumber(
        ["chat", "max", "unsent", "bytes"],
        flag: "max-unsent-bytes",
        "Memory, in bytes, for responses that clients have not read yet; above it, requests get 503.",
        in: 65_536...1_099_511_627_776,
        default: 268_435_456
    )
    static let maximumStreams = Setting.wholeNumber(
        ["chat", "max", "streams"],
        flag: "max-streams",
        "Maximum number of streams, long polls and WebSockets; more get 503.",
        in: 0...1_000_000,
        default: 8_000
    )
    static let maximumStreamsPerAddress = Setting.wholeNumber(
        ["chat", "max", "streams", "per", "address"],
        flag: "max-streams-per-address",
        "Maximum number of streams, long polls and WebSockets from one IPv4 address or IPv6 /64; more get 429.",
        in: 0...1_000_000,
        default: 1_000
    )
    static let streamChats = Setting.wholeNumber(
        ["chat", "stream", "chats"],
        flag: "stream-chats",
        "Maximum number of chats on one connection; a stream of all chats follows the most recently active ones.",
        in: 1...10_000,
        default: 500
    )
    static let streamHeartbeat = Setting.seconds(
        ["chat", "stream", "heartbeat"],
        flag: "stream-heartbeat",
        "Seconds after which an idle stream sends a heartbeat.",
        in: 1...3_600,
        default: 15
    )
    static let streamStallTimeout = Setting.seconds(
        ["chat", "stream", "stall", "timeout"],
        flag: "stream-stall-timeout",
        "Seconds a client may read nothing before its stream ends.",
        in: 1...3_600,
        default: 30
    )
    static let streamLag = Setting.wholeNumber(
        ["chat", "stream", "lag"],
        flag: "stream-lag",
        "Number of events a client may be behind before its stream ends.",
        in: 1...1_000_000,
        default: 1_000
    )
    static let streamCheckInterval = Setting.seconds(
        ["chat", "stream", "check", "interval"],
        flag: "stream-check-interval",
        "Seconds between polls of the database for missed notifications.",
        in: 0.1...3_600,
        default: 5
    )
    static let webSocketAuthTimeout = Setting.seconds(
        ["chat", "websocket", "auth", "timeout"],
        flag: "websocket-auth-timeout",
        "Seconds in which a WebSocket that needs a credential must send one.",
        in: 0.1...3_600,
        default: 5
    )
    static let maximumStreamReads = Setting.wholeNumber(
        ["chat", "max", "stream", "reads"],
        flag: "max-stream-reads",
        "Number of pages of 50 entries read concurrently for streams that are catching up.",
        in: 1...1_000,
        default: 4
    )
    static let typingInterval = Setting.seconds(
        ["chat", "typing", "interval"],
        flag: "typing-interval",
        "Seconds before a chat shows a typing event with the same metadata again.",
        in: 0...3_600,
        default: 1
    )
    static let maximumTypingPerChat = Setting.wholeNumber(
        ["chat", "max", "typing", "per", "chat"],
        flag: "max-typing-per-chat",
        "Maximum number of typing events shown in a chat per second; more are dropped.",
        in: 1...1_000_000,
        default: 20
    )
    static let webSocketOrigins = Setting<OriginPolicy>(
        key: ["chat", "websocket", "origins"],
        flag: "websocket-origins",
        summary: "Origins whose pages may open a WebSocket: same-host, any, or a comma-separated list.",
        placeholder: "origins",
        fallback: "same-host",
        expected: "same-host, any, or origins \(OriginPolicy.expectedOrigins)",
        parse: { OriginPolicy(setting: $0) }
    )
    static let corsOrigins = Setting<OriginPolicy>(
        key: ["chat", "cors", "origins"],
        flag: "cors-origins",
        summary:
            "Other origins whose pages may call the API: none, * for any, without cookies, or a list.",
        placeholder: "origins",
        fallback: "none",
        expected: "none, *, or origins \(OriginPolicy.expectedOrigins)",
        parse: { OriginPolicy(crossOriginSetting: $0) }
    )
    static let embedOrigins = Setting<[String]>(
        key: ["chat", "embed", "origins"],
        flag: "embed-origins",
        summary: "Origins whose pages may show a chat in a frame, /embed/chat/{id}: none or a list.",
        placeholder: "origins",
        fallback: "none",
        expected: "none, or origins \(OriginPolicy.expectedOrigins)",
        parse: { OriginPolicy.embedders(setting: $0) }
    )
    static let webhookAllowPrivate = Setting.choice(
        ["chat", "webhook", "allow", "private"],
        flag: "webhook-allow-private",
        """
        Whether webhooks may be sent to addresses that are not public, such as those of a private network: on, off, or \
        auto: only if the server listens on a loopback address.
        """,
        default: PrivateTargets.auto
    )
    static let drainDelay = Setting.seconds(
        ["chat", "drain", "delay"],
        flag: "drain-delay",
        "Seconds the server keeps serving after SIGTERM while it reports that it is not ready.",
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
        "Minimum severity to log: \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")).",
        default: Logger.Level.info
    )
    static let logFormat = Setting.choice(
        ["log", "format"],
        flag: "log-format",
        "Log format: text or json.",
        default: LogFormat.text
    )

    static let metricsPort = Setting.wholeNumber(
        ["chat", "metrics", "port"],
        flag: "metrics-port",
        """
        Port of its own for /metrics, without authentication, at the same address; 0 serves it with everything else, to \
        operators.
        """,
        in: 0...65_535,
        default: 0
    )

    static let docs = Setting.choice(
        ["chat", "docs"],
        flag: "docs",
        "Whether to serve the OpenAPI document and the pages that show it: on or off.",
        default: Switch.on
    )
    static let docsAssets = Setting<String>(
        key: ["chat", "docs", "assets"],
        flag: "docs-assets",
        summary: "Folder with the Swagger UI and ReDoc files.",
        placeholder: "folder",
        fallback: Installation.documentation ?? "public/docs",
        expected: "a folder",
        parse: { $0.isEmpty ? nil : $0 }
    )

    static let pages = Setting.choice(
        ["chat", "pages"],
        flag: "pages",
        "Whether to serve the pages (start, chat, admin), the JavaScript client and llms.txt: on or off.",
        default: Switch.on
    )

    /// Every setting, for finding the name nearest to an unknown variable.
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
        shards,
        poolSize,
        poolTimeout,
        poolMaximumLifetime,
        connectTimeout,
        statementTimeout,
        host,
        port,
        tlsCertificate,
        tlsKey,
        allowedHosts,
        rootPath,
        auth,
        jwtKeys,
        jwksURL,
        jwtIssuer,
        jwtAudience,
        tokenMaximumAge,
        limits,
        postRate,
        readRate,
        textRate,
        typingRate,
        trustedProxies,
        maximumBodyBytes,
        bodyTimeout,
        idleTimeout,
        latestMessagesCacheBytes,
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
        webSocketAuthTimeout,
        webSocketOrigins,
        corsOrigins,
        embedOrigins,
        webhookAllowPrivate,
        drainDelay,
        shutdownGrace,
        logLevel,
        logFormat,
        metricsPort,
        docs,
        docsAssets,
        pages,
    ]

    /// The variables of the secrets, which have no option.
    package static let secretVariables = [jwtSecrets.variable, serverKey.variable]
}
