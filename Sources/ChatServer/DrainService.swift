import ChatAPI
import Logging
import ServiceLifecycle
import UnixSignals

/// Waits for a signal to stop, and lets load balancers notice before the server does.
struct DrainService: Service {
    private let drain: Drain
    private let delay: Duration
    private let signals: UnixSignalsSequence
    private let logger: Logger

    /// - Parameters:
    ///   - delay: How long the server still serves while it says that it is not ready; a second signal ends it.
    ///   - signals: Those that stop the server.
    init(_ drain: Drain, delay: Duration, signals: UnixSignalsSequence, logger: Logger) {
        self.drain = drain
        self.delay = delay
        self.signals = signals
        self.logger = logger
    }

    /// Returns when the server is to stop.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            await nextSignal()
            drain.begin()
            guard delay > .zero else { return }
            logger.notice("Draining", metadata: ["seconds": .stringConvertible(delay / .seconds(1))])
            await withTaskGroup { group in
                group.addTask { try? await Task.sleep(for: delay) }
                group.addTask { await nextSignal() }
                await group.next()
                group.cancelAll()
            }
        }
    }

    private func nextSignal() async {
        for await _ in signals { break }
    }
}
