import ChatDomain
import ChatPostgres
import Logging
import ServiceLifecycle

/// Exchanges signals and notices with other servers on the same database until shutdown.
struct SignalExchangeService: Service {
    private let exchange: PostgresSignalExchange

    init(
        _ database: PostgresDatabase,
        _ signals: LogSignals,
        _ typing: TypingNotices,
        _ growth: GrowthNotices,
        logger: Logger
    ) {
        exchange = PostgresSignalExchange(database, signals, typing, growth) { error in
            logger.warning("Not receiving notifications from other servers", metadata: ["reason": "\(error.reason)"])
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await exchange.run()
        }
    }
}
