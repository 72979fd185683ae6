// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

extension Target.Dependency {
    static let asyncHTTPClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let cryptoExtras = product(name: "CryptoExtras", package: "swift-crypto")
    static let coreMetrics = product(name: "CoreMetrics", package: "swift-metrics")
    static let dequeModule = product(name: "DequeModule", package: "swift-collections")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let grdbSQLite = product(name: "GRDBSQLite", package: "GRDB.swift")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let jwtKit = product(name: "JWTKit", package: "jwt-kit")
    static let logging = product(name: "Logging", package: "swift-log")
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioEmbedded = product(name: "NIOEmbedded", package: "swift-nio")
    static let nioFileSystem = product(name: "_NIOFileSystem", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioHTTPTypesHTTP1 = product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let nioTLS = product(name: "NIOTLS", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let subprocess = product(name: "Subprocess", package: "swift-subprocess")
    static let systemPackage = product(name: "SystemPackage", package: "swift-system")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
}

let package = Package(
    name: "chat-api",
    // Of the client. The server runs on Linux only.
    platforms: [.macOS(.v15), .iOS(.v18), .tvOS(.v18), .visionOS(.v2)],
    products: [
        .executable(name: "chat-api", targets: ["ChatServer"]),
        .library(name: "ChatClient", targets: ["ChatClient"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras.git", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.1"),
        .package(url: "https://github.com/swiftlang/swift-subprocess.git", from: "1.0.2", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/vapor/jwt-kit.git", from: "5.7.1"),
    ],
    targets: [
        .target(
            name: "ChatClient",
            dependencies: [.asyncHTTPClient, .dequeModule, .nioCore, .nioHTTP1, .nioPosix],
            swiftSettings: settings
        ),
        .target(name: "Caching", swiftSettings: settings),
        .target(name: "Executors", swiftSettings: settings),
        .target(name: "Files", swiftSettings: settings),
        .target(name: "Hashing", swiftSettings: settings),
        .target(name: "OpenMetrics", dependencies: [.coreMetrics], swiftSettings: settings),
        .target(name: "RateLimiting", swiftSettings: settings),
        .target(name: "Queues", dependencies: [.dequeModule], swiftSettings: settings),
        .target(name: "ChatDomain", dependencies: ["Hashing"], swiftSettings: settings),
        .systemLibrary(name: "CLibCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .target(
            name: "ChatIdentity",
            dependencies: ["CLibCurl", "Caching", "ChatDomain", "Executors", "Files", .crypto, .jwtKit],
            swiftSettings: settings
        ),
        .target(name: "ChatWire", dependencies: ["ChatDomain", "Hashing"], swiftSettings: settings),
        .target(name: "ChatArchives", dependencies: ["ChatDomain", "ChatWire"], swiftSettings: settings),
        .target(name: "ChatMigrations", dependencies: ["Hashing"], swiftSettings: settings),
        .target(
            name: "ChatSQLite",
            dependencies: ["ChatDomain", "ChatMigrations", "Executors", "Hashing", .grdb, .grdbSQLite],
            swiftSettings: settings
        ),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "PostgresClient",
            dependencies: ["CLibPQ", "Executors", .dequeModule],
            swiftSettings: settings
        ),
        .target(
            name: "ChatPostgres",
            dependencies: ["ChatDomain", "ChatMigrations", "Executors", "Hashing", "PostgresClient"],
            swiftSettings: settings
        ),
        .target(
            name: "WebSocket",
            dependencies: [.httpTypes, .nioCore],
            swiftSettings: settings
        ),
        .target(
            name: "HTTPConnections",
            dependencies: [
                .dequeModule, .httpTypes, .hummingbird, .hummingbirdCore, .logging, .nioCore, .nioHTTP1,
                .nioHTTPTypesHTTP1, .nioSSL, .nioTLS,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ChatLive",
            dependencies: [
                "ChatDomain", "ChatWire", "Queues", "RateLimiting", .dequeModule, .logging, .nioCore, .nioPosix,
                .serviceLifecycle,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ChatOperations",
            dependencies: ["ChatDomain", "ChatLive", "ChatWire", .logging, .nioCore],
            swiftSettings: settings
        ),
        .target(
            name: "ChatWebhooks",
            dependencies: [
                "ChatDomain", "ChatWire", "Hashing", .asyncHTTPClient, .crypto, .dequeModule, .logging, .nioCore,
                .nioHTTP1, .nioPosix, .nioSSL, .serviceLifecycle,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ChatAPI",
            dependencies: [
                "Caching", "ChatDomain", "ChatIdentity", "ChatLive", "ChatOperations", "ChatPages", "ChatWire",
                "HTTPConnections", "OpenMetrics", "Queues", "RateLimiting", "WebSocket",
                .coreMetrics, .dequeModule, .httpTypes, .hummingbird, .hummingbirdCore, .logging, .nioCore,
                .nioFileSystem, .nioPosix,
                .serviceLifecycle,
            ],
            exclude: ["FastAPICompatibility/README.md"],
            resources: [.embedInCode("Resources")],
            swiftSettings: settings
        ),
        .target(
            name: "ChatPages",
            dependencies: ["Hashing"],
            resources: [.embedInCode("Resources")],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "ChatServer",
            dependencies: [
                "ChatAPI", "ChatArchives", "ChatDomain", "ChatIdentity", "ChatLive", "ChatMigrations", "ChatPostgres",
                "ChatSQLite", "ChatWebhooks", "ChatWire", "Executors", "Files", "HTTPConnections", "OpenMetrics",
                "PostgresClient", "RateLimiting", "WebSocket", .argumentParser, .coreMetrics, .hummingbird, .logging,
                .nioCore, .nioHTTP1, .nioPosix, .nioSSL, .serviceLifecycle, .systemPackage, .unixSignals,
            ],
            swiftSettings: settings
        ),
        // The benchmark's baseline: the HTTP stack alone.
        .executableTarget(
            name: "ConstantServer",
            dependencies: [.hummingbird],
            path: "Benchmarks/ConstantServer",
            swiftSettings: settings
        ),
        // The server under test in the conformance tests of WebSocket.
        .executableTarget(
            name: "EchoServer",
            dependencies: [
                "HTTPConnections", "WebSocket", .httpTypes, .hummingbird, .hummingbirdCore, .logging, .nioCore,
            ],
            path: "Checks/WebSocket/EchoServer",
            swiftSettings: settings
        ),
        // Runs the Swift client in the scenarios of Checks/Clients.
        .executableTarget(
            name: "ClientDriver",
            dependencies: ["ChatClient"],
            path: "Checks/Clients/Swift",
            swiftSettings: settings
        ),
        // The Swift backend of docs/authentication.md.
        .executableTarget(
            name: "SwiftBackend",
            dependencies: [.jwtKit],
            path: "Checks/Tokens/SwiftBackend",
            swiftSettings: settings
        ),
        .target(
            name: "ChatTestSupport",
            dependencies: [
                "ChatAPI", "ChatDomain", "ChatIdentity", "ChatLive", "ChatMigrations", "ChatPostgres", "ChatSQLite",
                "HTTPConnections", "OpenMetrics", "PostgresClient", "WebSocket", .grdb, .hummingbird, .logging,
                .nioCore,
                .nioPosix, .serviceLifecycle, .subprocess, .systemPackage,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ChatDomainTests",
            dependencies: ["ChatDomain", "ChatTestSupport", "Executors"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ChatIdentityTests",
            dependencies: [
                "ChatDomain", "ChatIdentity", "ChatTestSupport", .crypto, .cryptoExtras, .hummingbird, .jwtKit,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ChatWireTests",
            dependencies: ["ChatDomain", "ChatTestSupport", "ChatWire"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ChatMigrationsTests",
            dependencies: [
                "ChatDomain", "ChatMigrations", "ChatPostgres", "ChatSQLite", "ChatTestSupport", "PostgresClient",
                .grdb,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ChatArchivesTests",
            dependencies: ["ChatArchives", "ChatDomain", "ChatTestSupport", "ChatWire"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ChatOperationsTests",
            dependencies: [
                "ChatDomain", "ChatLive", "ChatOperations", "ChatPostgres", "ChatTestSupport", "ChatWire",
                "PostgresClient", .nioCore, .nioPosix,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "PostgresClientTests",
            dependencies: ["ChatTestSupport", "PostgresClient"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ChatStoreTests",
            dependencies: [
                "ChatDomain", "ChatMigrations", "ChatPostgres", "ChatSQLite", "ChatTestSupport", "PostgresClient",
                .grdb, .grdbSQLite,
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "RateLimitingTests", dependencies: ["RateLimiting"], swiftSettings: settings),
        .testTarget(
            name: "WebSocketTests",
            dependencies: [
                "ChatTestSupport", "HTTPConnections", "WebSocket", .httpTypes, .hummingbird, .hummingbirdCore, .nioCore,
                .nioEmbedded,
                .serviceLifecycle,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "HTTPConnectionsTests",
            dependencies: [
                "ChatTestSupport", "HTTPConnections", .httpTypes, .hummingbird, .hummingbirdCore, .nioCore,
                .nioEmbedded, .nioHTTP1, .serviceLifecycle,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ChatClientTests",
            dependencies: ["ChatClient", "ChatDomain", "ChatIdentity", "ChatTestSupport", .subprocess],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ChatWebhooksTests",
            dependencies: [
                "ChatDomain", "ChatPostgres", "ChatTestSupport", "ChatWebhooks", "ChatWire", .httpTypes, .hummingbird,
                .logging, .nioCore,
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "CachingTests", dependencies: ["Caching"], swiftSettings: settings),
        .testTarget(name: "OpenMetricsTests", dependencies: ["OpenMetrics", .coreMetrics], swiftSettings: settings),
        .testTarget(name: "QueuesTests", dependencies: ["Queues"], swiftSettings: settings),
        .testTarget(
            name: "ChatLiveTests",
            dependencies: ["ChatDomain", "ChatLive", "ChatTestSupport", .nioCore, .nioPosix],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ChatAPITests",
            dependencies: [
                "ChatAPI", "ChatArchives", "ChatDomain", "ChatIdentity", "ChatLive", "ChatPages", "ChatPostgres",
                "ChatSQLite", "ChatTestSupport", "ChatWire", "HTTPConnections", "OpenMetrics", "PostgresClient",
                "RateLimiting", "WebSocket", .httpTypes,
                .hummingbird,
                .nioCore,
            ],
            resources: [.copy("Fixtures")],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ChatServerTests",
            dependencies: [
                "ChatMigrations", "ChatServer", "ChatSQLite", "ChatTestSupport", "PostgresClient", .grdb, .nioCore,
                .subprocess,
            ],
            resources: [.copy("Fixtures")],
            swiftSettings: settings
        ),
    ],
    swiftLanguageModes: [.v6]
)

#if !os(Linux)
package.products.removeAll { $0.name != "ChatClient" }
package.targets.removeAll { $0.name != "ChatClient" }
#endif
