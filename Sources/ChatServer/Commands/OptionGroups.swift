import ArgumentParser

struct AddressOptions: ParsableArguments {
    @Option(Settings.host) var host: String?
    @Option(Settings.port) var port: String?
    @Option(Settings.tlsCertificate) var tlsCertificate: String?
    @Option(Settings.tlsKey) var tlsKey: String?

    var given: [GivenSetting] {
        [
            Settings.host.given(host),
            Settings.port.given(port),
            Settings.tlsCertificate.given(tlsCertificate),
            Settings.tlsKey.given(tlsKey),
        ].compactMap(\.self)
    }
}

struct HostOptions: ParsableArguments {
    @Option(Settings.allowedHosts) var allowedHosts: String?
    @Option(Settings.rootPath) var rootPath: String?

    var given: [GivenSetting] {
        [Settings.allowedHosts.given(allowedHosts), Settings.rootPath.given(rootPath)].compactMap(\.self)
    }
}

struct AuthenticationOptions: ParsableArguments {
    @Option(Settings.auth) var auth: String?
    @Option(Settings.jwtKeys) var jwtKeys: String?
    @Option(Settings.jwksURL) var jwksURL: String?
    @OptionGroup var rules: TokenRuleOptions

    var given: [GivenSetting] {
        [Settings.auth.given(auth), Settings.jwtKeys.given(jwtKeys), Settings.jwksURL.given(jwksURL)]
            .compactMap(\.self) + rules.given
    }
}

struct TokenRuleOptions: ParsableArguments {
    @Option(Settings.jwtIssuer) var jwtIssuer: String?
    @Option(Settings.jwtAudience) var jwtAudience: String?
    @Option(Settings.tokenMaximumAge) var tokenMaximumAge: String?

    var given: [GivenSetting] {
        [
            Settings.jwtIssuer.given(jwtIssuer),
            Settings.jwtAudience.given(jwtAudience),
            Settings.tokenMaximumAge.given(tokenMaximumAge),
        ].compactMap(\.self)
    }
}

/// The options of every command that opens the database.
struct DatabaseOptions: ParsableArguments {
    @Option(Settings.databaseURL) var databaseURL: String?
    @Option(Settings.sqliteBusyTimeout) var sqliteBusyTimeout: String?
    @Option(Settings.connectTimeout) var connectTimeout: String?
    @Option(Settings.statementTimeout) var statementTimeout: String?

    var given: [GivenSetting] {
        [
            Settings.databaseURL.given(databaseURL),
            Settings.sqliteBusyTimeout.given(sqliteBusyTimeout),
            Settings.connectTimeout.given(connectTimeout),
            Settings.statementTimeout.given(statementTimeout),
        ].compactMap(\.self)
    }
}

/// The options for the concurrency, queues and clock of a server's database.
struct CapacityOptions: ParsableArguments {
    @Option(Settings.listenURL) var listenURL: String?
    @Option(Settings.maximumClockSkew) var maximumClockSkew: String?
    @Option(Settings.batchSize) var batchSize: String?
    @Option(Settings.queueSize) var queueSize: String?
    @Option(Settings.queueTimeout) var queueTimeout: String?
    @Option(Settings.searchTimeout) var searchTimeout: String?
    @Option(Settings.searchQueueSize) var searchQueueSize: String?
    @Option(Settings.sqliteReaders) var sqliteReaders: String?
    @Option(Settings.shards) var shards: String?
    @Option(Settings.poolSize) var poolSize: String?
    @Option(Settings.poolTimeout) var poolTimeout: String?
    @Option(Settings.poolMaximumLifetime) var poolMaximumLifetime: String?

    var given: [GivenSetting] {
        [
            Settings.listenURL.given(listenURL),
            Settings.maximumClockSkew.given(maximumClockSkew),
            Settings.batchSize.given(batchSize),
            Settings.queueSize.given(queueSize),
            Settings.queueTimeout.given(queueTimeout),
            Settings.searchTimeout.given(searchTimeout),
            Settings.searchQueueSize.given(searchQueueSize),
            Settings.sqliteReaders.given(sqliteReaders),
            Settings.shards.given(shards),
            Settings.poolSize.given(poolSize),
            Settings.poolTimeout.given(poolTimeout),
            Settings.poolMaximumLifetime.given(poolMaximumLifetime),
        ].compactMap(\.self)
    }
}

struct MigrationOptions: ParsableArguments {
    @Option(Settings.migrationLockTimeout) var migrationLockTimeout: String?

    var given: [GivenSetting] {
        [Settings.migrationLockTimeout.given(migrationLockTimeout)].compactMap(\.self)
    }
}

struct SchemaOptions: ParsableArguments {
    @Flag(Settings.migrate) var migrate = false
    @OptionGroup var migration: MigrationOptions

    var given: [GivenSetting] {
        [Settings.migrate.given(migrate ? "true" : nil)].compactMap(\.self) + migration.given
    }
}

struct RateOptions: ParsableArguments {
    @Option(Settings.limits) var limits: String?
    @Option(Settings.postRate) var postRate: String?
    @Option(Settings.readRate) var readRate: String?
    @Option(Settings.textRate) var textRate: String?
    @Option(Settings.typingRate) var typingRate: String?
    @Option(Settings.trustedProxies) var trustedProxies: String?

    var given: [GivenSetting] {
        [
            Settings.limits.given(limits),
            Settings.postRate.given(postRate),
            Settings.readRate.given(readRate),
            Settings.textRate.given(textRate),
            Settings.typingRate.given(typingRate),
            Settings.trustedProxies.given(trustedProxies),
        ].compactMap(\.self)
    }
}

struct LimitOptions: ParsableArguments {
    @Option(Settings.maximumBodyBytes) var maximumBodyBytes: String?
    @Option(Settings.bodyTimeout) var bodyTimeout: String?
    @Option(Settings.idleTimeout) var idleTimeout: String?
    @Option(Settings.maximumHeaderBytes) var maximumHeaderBytes: String?
    @Option(Settings.maximumConnections) var maximumConnections: String?
    @Option(Settings.maximumConnectionsPerAddress) var maximumConnectionsPerAddress: String?
    @Option(Settings.maximumSurplusConnections) var maximumSurplusConnections: String?
    @Option(Settings.maximumUnsentBytes) var maximumUnsentBytes: String?
    @Option(Settings.latestMessagesCacheBytes) var latestMessagesCacheBytes: String?
    @Option(Settings.readBytes) var readBytes: String?
    @Option(Settings.drainDelay) var drainDelay: String?
    @Option(Settings.shutdownGrace) var shutdownGrace: String?

    var given: [GivenSetting] {
        [
            Settings.maximumBodyBytes.given(maximumBodyBytes),
            Settings.bodyTimeout.given(bodyTimeout),
            Settings.idleTimeout.given(idleTimeout),
            Settings.maximumHeaderBytes.given(maximumHeaderBytes),
            Settings.maximumConnections.given(maximumConnections),
            Settings.maximumConnectionsPerAddress.given(maximumConnectionsPerAddress),
            Settings.maximumSurplusConnections.given(maximumSurplusConnections),
            Settings.maximumUnsentBytes.given(maximumUnsentBytes),
            Settings.latestMessagesCacheBytes.given(latestMessagesCacheBytes),
            Settings.readBytes.given(readBytes),
            Settings.drainDelay.given(drainDelay),
            Settings.shutdownGrace.given(shutdownGrace),
        ].compactMap(\.self)
    }
}

struct StreamOptions: ParsableArguments {
    @Option(Settings.maximumStreams) var maximumStreams: String?
    @Option(Settings.maximumStreamsPerAddress) var maximumStreamsPerAddress: String?
    @Option(Settings.streamChats) var streamChats: String?
    @Option(Settings.streamHeartbeat) var streamHeartbeat: String?
    @Option(Settings.streamStallTimeout) var streamStallTimeout: String?
    @Option(Settings.streamLag) var streamLag: String?
    @Option(Settings.streamCheckInterval) var streamCheckInterval: String?
    @Option(Settings.maximumStreamReads) var maximumStreamReads: String?
    @Option(Settings.typingInterval) var typingInterval: String?
    @Option(Settings.maximumTypingPerChat) var maximumTypingPerChat: String?
    @Option(Settings.webSocketAuthTimeout) var webSocketAuthTimeout: String?
    @Option(Settings.webSocketOrigins) var webSocketOrigins: String?
    @Option(Settings.corsOrigins) var corsOrigins: String?
    @Option(Settings.embedOrigins) var embedOrigins: String?

    var given: [GivenSetting] {
        [
            Settings.maximumStreams.given(maximumStreams),
            Settings.maximumStreamsPerAddress.given(maximumStreamsPerAddress),
            Settings.streamChats.given(streamChats),
            Settings.streamHeartbeat.given(streamHeartbeat),
            Settings.streamStallTimeout.given(streamStallTimeout),
            Settings.streamLag.given(streamLag),
            Settings.streamCheckInterval.given(streamCheckInterval),
            Settings.maximumStreamReads.given(maximumStreamReads),
            Settings.typingInterval.given(typingInterval),
            Settings.maximumTypingPerChat.given(maximumTypingPerChat),
            Settings.webSocketAuthTimeout.given(webSocketAuthTimeout),
            Settings.webSocketOrigins.given(webSocketOrigins),
            Settings.corsOrigins.given(corsOrigins),
            Settings.embedOrigins.given(embedOrigins),
        ].compactMap(\.self)
    }
}

struct WebhookOptions: ParsableArguments {
    @Option(Settings.webhookAllowPrivate) var webhookAllowPrivate: String?

    var given: [GivenSetting] {
        [Settings.webhookAllowPrivate.given(webhookAllowPrivate)].compactMap(\.self)
    }
}

struct LoggingOptions: ParsableArguments {
    @Option(Settings.logLevel) var logLevel: String?
    @Option(Settings.logFormat) var logFormat: String?

    var given: [GivenSetting] {
        [Settings.logLevel.given(logLevel), Settings.logFormat.given(logFormat)].compactMap(\.self)
    }
}

struct MetricsOptions: ParsableArguments {
    @Option(Settings.metricsPort) var metricsPort: String?

    var given: [GivenSetting] {
        [Settings.metricsPort.given(metricsPort)].compactMap(\.self)
    }
}

struct DocumentationOptions: ParsableArguments {
    @Option(Settings.docs) var docs: String?
    @Option(Settings.docsAssets) var docsAssets: String?
    @Option(Settings.pages) var pages: String?

    var given: [GivenSetting] {
        [Settings.docs.given(docs), Settings.docsAssets.given(docsAssets), Settings.pages.given(pages)]
            .compactMap(\.self)
    }
}

extension Option where Value == String? {
    init(_ setting: Setting<some Sendable>) {
        self.init(name: .customLong(setting.flag), help: setting.help)
    }
}

extension Flag where Value == Bool {
    init(wrappedValue: Bool, _ setting: Setting<Bool>) {
        self.init(wrappedValue: wrappedValue, name: .customLong(setting.flag), help: setting.help)
    }
}

extension Setting {
    fileprivate var help: ArgumentHelp {
        ArgumentHelp("\(summary) [\(variable)] (default: \(fallback))", valueName: placeholder)
    }
}
