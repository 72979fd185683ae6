import ChatAPI
import Logging
import ServiceLifecycle
import UnixSignals

/// Waits for a stop signal, then gives load balancers time to notice before the server stops.
struct DrainService: Service {
    private let drain: Drain
    private let delay: Duration
    private let signals: UnixSignalsSequence
    private let logger: Logger

    /// - Parameters:
    ///   - delay: How long the server keeps serving while it reports that it is not ready; a second signal cuts it
    ///     short.
    ///   - signals: The signals that stop the server.
    init(_ drain: Drain, delay: Duration, signals: UnixSignalsSequence, logger: Logger) {
        self.drain = drain
        self.delay = delay
        self.signals = signals
        self.logger = logger
    }

    /// Returns when the server should stop.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            let (drainings, begin) = AsyncStream.makeStream(of: Never.self)
            await withTaskGroup { group in
                group.addTask {
                    // The sequence allows only one iterator, so this loop also handles the second signal.
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
