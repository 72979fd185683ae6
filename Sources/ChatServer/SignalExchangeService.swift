import ChatDomain
import ChatPostgres
import Logging
import ServiceLifecycle

/// Exchanges signals and typing notices with the other servers on the database until the shutdown.
struct SignalExchangeService: Service {
    private let exchange: PostgresSignalExchange

    init(_ database: PostgresDatabase, _ signals: LogSignals, _ typing: TypingNotices, logger: Logger) {
        exchange = PostgresSignalExchange(database, signals, typing) { error in
            logger.warning("Other servers are not heard", metadata: ["reason": "\(error.reason)"])
        }
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await exchange.run()
        }
    }
}
