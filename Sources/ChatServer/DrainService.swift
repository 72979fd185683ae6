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
            let (drainings, begin) = AsyncStream.makeStream(of: Never.self)
            await withTaskGroup { group in
                group.addTask {
                    // The sequence allows a single iterator.
                    var isDraining = false
                    for await _ in signals {
                        if isDraining { return }
                        isDraining = true
                        drain.begin()
                        guard delay > .zero else { return }
                        logger.notice("Draining", metadata: ["seconds": .stringConvertible(delay / .seconds(1))])
                        begin.finish()
                    }
                }
                group.addTask {
                    for await _ in drainings {}
                    try? await Task.sleep(for: delay)
                }
                await group.next()
                group.cancelAll()
            }
        }
    }
}
