package import Executors

/// A bounded set of connections that are opened when they are needed and opened again when they broke.
package actor PostgresPool {
    private typealias State = PoolState<PostgresConnection>

    private var state: State
    private var waiting: [State.WaiterID: CheckedContinuation<State.Lease, any Error>] = [:]
    private var lastWaiterID = 0
    private let leaseTimeout: Duration

    /// - Parameters:
    ///   - size: The most connections at once, at least 1.
    ///   - leaseTimeout: How long a caller waits for one to become free.
    ///   - maximumLifetime: The age, less up to a tenth, at which a connection is replaced before its next use.
    ///   - maximumWaiters: How many may wait; a further one is refused at once.
    ///   - executor: The thread of its connections, for a caller who is on it; nil gives each its own.
    package init(
        _ configuration: PostgresConfiguration,
        size: Int,
        leaseTimeout: Duration = .seconds(5),
        maximumLifetime: Duration = .seconds(1_800),
        maximumWaiters: Int = 10_000,
        executor: ThreadExecutor? = nil
    ) {
        let connections = (0..<size).map { _ in
            PostgresConnection(configuration, executor: executor ?? ThreadExecutor())
        }
        state = State(connections, maximumLifetime: maximumLifetime, maximumWaiters: maximumWaiters)
        self.leaseTimeout = leaseTimeout
    }

    /// Runs `body` on a connection's own thread.
    ///
    /// A connection whose server has gone away while it was idle is replaced before `body` runs. What `body` leaves open,
    /// a transaction or a broken connection, never reaches the next caller. When the task is cancelled, so is the statement
    /// under way, on the server, and the connection is replaced.
    ///
    /// - Throws: What `body` throws, or an error that says that nothing was sent.
    package nonisolated func withConnection<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws(PostgresError) -> Result {
        let lease = try await lease()
        let cancellation = LeaseCancellation()
        let (result, outcome) = await withTaskCancellationHandler {
            await lease.connection.use(opensAnew: lease.opensAnew, cancellation, body)
        } onCancel: {
            cancellation.cancel()
        }
        await release(lease, outcome)
        return try result.get()
    }

    /// Closes the idle connections now and the others as they become free; whoever waits is refused.
    package func shutDown() async {
        let (connections, waiters) = state.shutDown()
        fail(waiters, .shutDown)
        for connection in connections {
            await connection.close()
        }
    }

    private func lease() async throws(PostgresError) -> State.Lease {
        lastWaiterID += 1
        let waiter = State.WaiterID(rawValue: lastWaiterID)
        switch state.lease(waiter, at: .now, jitter: .random(in: 0..<1)) {
        case .use(let lease): return lease
        case .fail(let error): throw error
        case .wait: break
        }
        let timer = Task { [leaseTimeout] in
            try await Task.sleep(for: leaseTimeout)
            giveUp(waiter, .poolExhausted)
        }
        defer { timer.cancel() }
        do {
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { waiting[waiter] = $0 }
            } onCancel: {
                Task { await self.giveUp(waiter, .cancelled) }
            }
        } catch {
            throw error as? PostgresError ?? .poolExhausted
        }
    }

    private func release(_ lease: State.Lease, _ outcome: State.Outcome) async {
        switch state.release(lease, outcome, at: .now, jitter: .random(in: 0..<1)) {
        case .none: break
        case .handOver(let lease, let waiter):
            waiting.removeValue(forKey: waiter)?.resume(returning: lease)
        case .fail(let waiters, let error): fail(waiters, error)
        case .close(let connection): await connection.close()
        }
    }

    private func giveUp(_ waiter: State.WaiterID, _ error: PostgresError) {
        if state.cancel(waiter) {
            fail([waiter], error)
        }
    }

    private func fail(_ waiters: [State.WaiterID], _ error: PostgresError) {
        for waiter in waiters {
            waiting.removeValue(forKey: waiter)?.resume(throwing: error)
        }
    }
}

extension PostgresConnection {
    /// Opens the connection if need be, runs `body` and says in what state it leaves the connection.
    fileprivate func use<Success: Sendable>(
        opensAnew: Bool,
        _ cancellation: LeaseCancellation,
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Success
    ) -> (Result<Success, PostgresError>, PoolState<PostgresConnection>.Outcome) {
        if opensAnew || !isUsable {
            close()
            do throws(PostgresError) {
                try open()
            } catch {
                return (.failure(error), .connectingFailed(error))
            }
        }
        guard cancellation.begin(cancelRequest) else { return (.failure(.cancelled), .healthy) }
        let result = Result { () throws(PostgresError) in try body(self) }
        let wasCancelled = cancellation.end()
        if wasCancelled || !isIdle {
            close()
        }
        return (result, isUsable ? .healthy : .closed)
    }
}
