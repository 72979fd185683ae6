import ArgumentParser
import ChatAPI
import ChatMigrations
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import UnixSignals

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the HTTP server.",
        discussion: """
            Each option can also be set by the variable in brackets, in the environment or in a file named .env in the \
            working directory. The command line wins over the environment, and that over the file.
            """
    )

    @OptionGroup(title: "Address") var address: AddressOptions
    @OptionGroup(title: "Database") var database: DatabaseOptions
    @OptionGroup(title: "Limits") var limits: LimitOptions
    @OptionGroup(title: "Logging") var logging: LoggingOptions
    @OptionGroup(title: "Documentation") var documentation: DocumentationOptions

    func run() async throws {
        let settings = try await SettingsReader(
            given: address.given + database.given + limits.given + logging.given + documentation.given
        )
        let logger = try Logger(settings)
        let host = try settings.value(Settings.host)
        let port = try settings.value(Settings.port)
        let url = try settings.value(Settings.databaseURL)
        let grace = try settings.value(Settings.shutdownGrace)
        let docsAssets = try settings.value(Settings.docsAssets)
        let limits = try HTTPLimits(settings)

        let database = try OpenDatabase(url, settings)
        try await database.upgrade(logger: logger)
        let service = ChatService(store: database.store, limits: limits, documentationAssets: docsAssets)
        let application = await service.application(address: .hostname(host, port: port), logger: logger) { channel in
            let listening = ListeningAddress(host: host, port: channel.localAddress?.port ?? port)
            logger.notice("Chat API listens on \(listening)")
            logger.notice("Docs: \(listening)/docs")
            logger.notice("Database: \(url)")
        }
        var group = ServiceGroupConfiguration(
            services: [application],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        group.maximumGracefulShutdownDuration = grace
        do {
            try await ServiceGroup(configuration: group).run()
        } catch let error as IOError {
            throw CommandError("cannot listen on \(host):\(port): \(error.reason) (see --host, --port)")
        } catch is SocketAddressError.UnknownHost {
            throw CommandError("cannot listen on \(host):\(port): there is no such host (see --host)")
        }
        try database.close()
        logger.notice("Stopped")
    }
}
