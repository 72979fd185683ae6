import Synchronization

/// Where a store signals what happens to its logs, after it is on disk.
///
/// Signals come from any thread. Those about one chat come in the order of its commits as far as they come from this
/// process.
package final class LogSignals: Sendable {
    package typealias Handler = @Sendable (LogSignal) -> Void

    private struct Handlers {
        var local: Handler?
        var relay: Handler?
    }

    private let handlers = Mutex(Handlers())

    package init() {}

    /// Who is told of every signal: one for the process.
    ///
    /// It must not block.
    package func setHandler(_ handler: Handler?) {
        handlers.withLock { $0.local = handler }
    }

    /// Who carries this process's own signals to the others.
    ///
    /// It must not block.
    package func setRelay(_ relay: Handler?) {
        handlers.withLock { $0.relay = relay }
    }

    /// Signals what this process has done.
    package func send(_ signal: LogSignal) {
        let handlers = handlers.withLock { $0 }
        handlers.local?(signal)
        handlers.relay?(signal)
    }

    /// Signals what another process has done.
    package func receive(_ signal: LogSignal) {
        handlers.withLock { $0.local }?(signal)
    }
}
