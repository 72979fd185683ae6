import ArgumentParser
import ChatAPI
import ChatDomain
import ChatIdentity
import ChatLive
import ChatWebhooks
import Glibc
import HTTPConnections
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import OpenMetrics
import ServiceLifecycle
import UnixSignals
import WebSocket

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the HTTP server.",
        discussion: """
            You can also set each option with the variable in brackets, in the environment or in a file named .env in \
            the working directory. The command line overrides the environment, which overrides the file. Two secrets are \
            only variables: CHAT_JWT_SECRET, which signs users' tokens, and CHAT_SERVER_KEY, a server key that may do \
            everything.
            """
    )

    @OptionGroup(title: "Address") var address: AddressOptions
    @OptionGroup(title: "Hosts") var hosts: HostOptions
    @OptionGroup(title: "Authentication") var authentication: AuthenticationOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions
    @OptionGroup(title: "Capacity") var capacity: CapacityOptions
    @OptionGroup(title: "Schema") var schema: SchemaOptions
    @OptionGroup(title: "Rates") var rates: RateOptions
    @OptionGroup(title: "Limits") var limits: LimitOptions
    @OptionGroup(title: "Streams") var streams: StreamOptions
    @OptionGroup(title: "Webhooks") var webhooks: WebhookOptions
    @OptionGroup(title: "Logging") var logging: LoggingOptions
    @OptionGroup(title: "Metrics") var metrics: MetricsOptions
    @OptionGroup(title: "Documentation") var documentation: DocumentationOptions

    var given: [GivenSetting] {
        address.given + hosts.given + authentication.given + database.given + capacity.given + schema.given
            + rates.given + limits.given + streams.given + webhooks.given + logging.given + metrics.given
            + documentation.given
    }

    func run() async throws {
        let settings = try await SettingsReader(given: given)
        let writer = LogWriter(format: try settings.value(Settings.logFormat))
        defer { writer.flush() }
        let logger = try Logger(settings, writer: writer)
        for warning in settings.warnings {
            logger.warning("\(warning)")
        }
        var server = try Server(settings)
        let process = ProcessMetrics()
        server.metrics.observe { process.observations() + [Observation(.droppedLogLines, writer.droppedCount)] }
        let certificate = try await ServerCertificate(settings)
        let access = try await AccessControl(settings)
        let url = try settings.value(Settings.databaseURL)
        let upgrades = try settings.value(Settings.migrate)

        let capacity = try DatabaseCapacity(settings, logger: logger)
        server.fitConnections(into: OpenFiles.raiseLimit() - capacity.connectionCount, logger: logger)
        let database = try await OpenDatabase(
            url,
            settings,
            capacity: capacity,
            for: .create
        )
        try await database.prepareSchema(upgrading: upgrades, logger: logger)
        let store = database.makeStore(onBatch: server.metrics.writeObserver())
        try await database.requireServing(store, logger: logger)
        let (authenticator, keyServices) = try await makeAuthenticator(access, store, logger)
        let (typing, growth) = (TypingNotices(), GrowthNotices())
        var services = database.makeServices(for: store, typing, growth, logger: logger) + keyServices
        if let certificate {
            services.append(await CertificateService(certificate, logger: logger))
        }
        let signer = access.tokenSigner
        let (servesPages, servesDocumentation) = (server.servesPages, server.servesDocumentation)
        let identity = certificate?.identity
        try await server.serve(
            store,
            authenticator,
            signer,
            identity,
            typing,
            growth,
            webhookHolder: database.leaseHolder,
            beside: services,
            logger: logger
        ) { address in
            logger.notice("Chat API listens on \(address)")
            if servesPages {
                logger.notice("Chat: \(address)/chat")
            }
            if servesDocumentation {
                logger.notice("Docs: \(address)/docs")
            }
            if let certificate {
                certificate.logExpiry(logger)
            }
            logger.notice("Database: \(url)")
            logger.notice("Access: \(authenticator.mode.summary)")
        }
        try await database.close()
        logger.notice("Stopped")
    }

    private func makeAuthenticator(
        _ access: AccessControl,
        _ store: some ServiceStore,
        _ logger: Logger
    ) async throws -> (Authenticator, [any Service]) {
        do {
            return try await access.makeAuthenticator(store, logger: logger)
        } catch {
            throw CommandError(database: error)
        }
    }
}

/// The settings for serving a store, validated before the database is opened.
struct Server {
    private let host: String
    private let port: Int
    /// The names of the settings for host and port as the user gave them, for error messages.
    private let hostName: String
    private let portName: String
    private let allowedHosts: HostPolicy
    private let rootPath: String
    private let grace: Duration
    private let drainDelay: Duration
    /// Nil to serve no documentation.
    let docsAssets: String?
    let servesPages: Bool
    private var limits: HTTPLimits
    private let limitSetting: LimitSetting
    private let rateLimits: RateLimits
    private let readLimits: ReadLimits
    private let streamLimits: StreamLimits
    private let webSocketLimits: WebSocketLimits
    private let webSocketOrigins: OriginPolicy
    private let corsOrigins: OriginPolicy
    private let embedOrigins: [String]
    private let latestMessagesCacheBytes: Int
    /// 0 for the port of everything else.
    private let metricsPort: Int
    private let metricsPortName: String
    let metrics = MetricRegistry()
    private let webhookTargets: AddressRules

    init(_ settings: SettingsReader) throws(SettingError) {
        host = try settings.value(Settings.host)
        port = try settings.value(Settings.port)
        hostName = settings.name(of: Settings.host)
        portName = settings.name(of: Settings.port)
        allowedHosts = try settings.value(Settings.allowedHosts).policy(listeningOn: host)
        rootPath = try settings.value(Settings.rootPath)
        grace = try settings.value(Settings.shutdownGrace)
        drainDelay = try settings.value(Settings.drainDelay)
        let docs = try settings.value(Settings.docs)
        let assets = try settings.value(Settings.docsAssets)
        docsAssets = docs == .on ? assets : nil
        servesPages = try settings.value(Settings.pages) == .on
        limits = try HTTPLimits(settings)
        limitSetting = try settings.value(Settings.limits)
        rateLimits = try RateLimits(settings)
        readLimits = try ReadLimits(settings)
        streamLimits = try StreamLimits(settings)
        var webSocketLimits = WebSocketLimits()
        webSocketLimits.maximumMessageBytes = limits.maximumBodyBytes
        webSocketLimits.pingInterval = streamLimits.heartbeat
        self.webSocketLimits = webSocketLimits
        webSocketOrigins = try settings.value(Settings.webSocketOrigins)
        corsOrigins = try settings.value(Settings.corsOrigins)
        embedOrigins = try settings.value(Settings.embedOrigins)
        webhookTargets = try settings.value(Settings.webhookAllowPrivate).rules(listeningOn: host)
        latestMessagesCacheBytes = try settings.value(Settings.latestMessagesCacheBytes)
        metricsPort = try settings.value(Settings.metricsPort)
        metricsPortName = settings.name(of: Settings.metricsPort)
        guard metricsPort == 0 || metricsPort != port else {
            throw SettingError(description: "\(metricsPortName) is \(port), like \(portName): set another port, or 0")
        }
    }

    /// Nil for no limits.
    private func enforcedLimits(in mode: Authenticator.Mode) -> RateLimits? {
        switch limitSetting {
        // Behind a proxy, clients are elsewhere.
        case .auto: mode == .open && Authority.isLoopback(host) && limits.trustedProxies == .none ? nil : rateLimits
        case .on: rateLimits
        case .off: nil
        }
    }

    var servesDocumentation: Bool {
        docsAssets != nil
    }

    /// Lowers the limits on connections so that the process never runs out of files: it could then not even accept a
    /// health check.
    ///
    /// - Parameter files: The process's limit, without the files and connections of the database.
    mutating func fitConnections(into files: Int, logger: Logger) {
        // Without listening sockets, pipes, logs and the files of the documentation.
        let available = max(files - 64, 4)
        limits.maximumSurplusConnections = min(limits.maximumSurplusConnections, available / 4)
        let maximum = available - limits.maximumSurplusConnections
        guard limits.maximumConnections > maximum else { return }
        logger.warning(
            "The limit on open files allows fewer connections than --max-connections; raise it, for example with ulimit -n",
            metadata: ["connections": .stringConvertible(maximum)]
        )
        limits.maximumConnections = maximum
    }

    /// Serves until a signal stops it.
    ///
    /// - Parameters:
    ///   - webhookHolder: Names this process where servers agree on who delivers to a webhook.
    ///   - services: Started before the first request and stopped after the last.
    func serve(
        _ store: some ServiceStore,
        _ authenticator: Authenticator,
        _ tokenSigner: TokenSigner?,
        _ identity: ServerIdentity?,
        _ typing: TypingNotices,
        _ growth: GrowthNotices,
        webhookHolder: String,
        beside services: [any Service],
        logger: Logger,
        onListening: @escaping @Sendable (ListeningAddress) -> Void
    ) async throws {
        let drain = Drain()
        let connectedUsers = ConnectedUsers()
        let webhooks = WebhookDispatcher(
            store,
            holder: webhookHolder,
            rules: webhookTargets,
            connectedUsers: connectedUsers.ids,
            onDelivery: metrics.webhookObserver(),
            logger: logger
        )
        metrics.observe { await webhooks.states().flatMap { $0.observations(at: .now()) } }
        let service = ChatService(
            store: store,
            authenticator: authenticator,
            tokenSigner: tokenSigner,
            typing: typing,
            growth: growth,
            identity: identity,
            connectedUsers: connectedUsers,
            webhookSender: webhooks,
            limits: limits,
            rateLimits: enforcedLimits(in: authenticator.mode),
            readLimits: readLimits,
            streamLimits: streamLimits,
            webSocketLimits: webSocketLimits,
            webSocketOrigins: webSocketOrigins,
            corsOrigins: corsOrigins,
            embedOrigins: embedOrigins,
            latestMessagesCacheBytes: latestMessagesCacheBytes,
            allowedHosts: allowedHosts,
            rootPath: rootPath,
            documentationAssets: docsAssets,
            servesPages: servesPages,
            servesMetrics: metricsPort == 0,
            metrics: metrics,
            drain: drain
        )
        let application = await service.application(address: .hostname(host, port: port), logger: logger) { channel in
            let port = channel.localAddress?.port ?? port
            onListening(ListeningAddress(host: host, port: port, isEncrypted: identity != nil))
        }
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let drainer = DrainService(drain, delay: drainDelay, signals: signals, logger: logger)
        var services = services
        if metricsPort != 0 {
            let address = ListeningAddress(host: host, port: metricsPort)
            let metrics = service.metricsApplication(
                address: .hostname(host, port: metricsPort),
                hosts: HostPolicy([], listeningOn: host),
                logger: logger
            ) { _ in
                logger.notice("Metrics: \(address)/metrics")
            }
            services.append(MetricsService(application: metrics, address: address, settingName: metricsPortName))
        }
        var group = ServiceGroupConfiguration(services: services + [webhooks, application], logger: logger)
        group.services.append(.init(service: drainer, successTerminationBehavior: .gracefullyShutdownGroup))
        group.maximumGracefulShutdownDuration = grace
        do {
            try await ServiceGroup(configuration: group).run()
        } catch {
            throw listeningError(error) ?? error
        }
    }

    private func listeningError(_ error: any Error) -> CommandError? {
        switch error {
        case let error as IOError:
            CommandError("cannot listen on \(host):\(port): \(error.listeningReason) (see \(hostName), \(portName))")
        case is SocketAddressError.UnknownHost:
            CommandError("cannot listen on \(host):\(port): host not found (see \(hostName))")
        default: nil
        }
    }

    /// Checks that the address is free, or that a server which is ready listens on it.
    ///
    /// - Returns: Which of both.
    /// - Throws: `CommandError` if `serve` could not listen.
    func checkAddress(isEncrypted: Bool) async throws -> String {
        let reachable = HealthcheckCommand.reachable(host)
        let address = ListeningAddress(host: reachable, port: port, isEncrypted: isEncrypted)
        do {
            try await listen(on: port)
            return "\(address) is free"
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            guard (try? await HealthcheckCommand.askReadiness(of: address)) == .ok else {
                throw listeningError(error) ?? error
            }
            return "a server listens on \(address) and is ready"
        } catch {
            throw listeningError(error) ?? error
        }
    }

    /// Checks that the port of the metrics is free, or serves them.
    ///
    /// - Returns: Which of both; nil if they have no port of their own.
    /// - Throws: `CommandError` if `serve` could not listen.
    func checkMetricsAddress() async throws -> String? {
        guard metricsPort != 0 else { return nil }
        let address = ListeningAddress(host: HealthcheckCommand.reachable(host), port: metricsPort)
        do {
            try await listen(on: metricsPort)
            return "\(address) is free"
        } catch let error as IOError {
            if error.errnoCode == EADDRINUSE,
                (try? await HealthcheckCommand.ask(for: "/metrics", of: address)) == .ok
            {
                return "\(address)/metrics shows metrics"
            }
            throw MetricsService.listeningError(error, address, settingName: metricsPortName)
        }
    }

    /// Listens for a moment.
    private func listen(on port: Int) async throws {
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: host, port: port).get()
        try await channel.close()
    }
}

extension IOError {
    /// Why the server cannot listen, with what to do.
    var listeningReason: String {
        switch errnoCode {
        case EADDRINUSE: "\(reason): stop the program that uses it, or set another port"
        case EACCES: "\(reason): set a port from 1024, or allow this one with CAP_NET_BIND_SERVICE"
        default: reason
        }
    }
}
