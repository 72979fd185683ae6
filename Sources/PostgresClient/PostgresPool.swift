/// A bounded set of connections that are opened when they are needed and opened again when they broke.
package actor PostgresPool {
    private typealias State = PoolState<PostgresConnection>

    private var state: State
    private var waiting: [State.WaiterID: CheckedContinuation<PostgresConnection, any Error>] = [:]
    private var lastWaiterID = 0
    private let leaseTimeout: Duration

    /// - Parameters:
    ///   - size: The most connections at once, at least 1.
    ///   - leaseTimeout: How long a caller waits for one to become free.
    ///   - maximumWaiters: How many may wait; a further one is refused at once.
    package init(
        _ configuration: PostgresConfiguration,
        size: Int,
        leaseTimeout: Duration = .seconds(5),
        maximumWaiters: Int = 10_000
    ) {
        let connections = (0..<size).map { _ in PostgresConnection(configuration) }
        state = State(connections, maximumWaiters: maximumWaiters)
        self.leaseTimeout = leaseTimeout
    }

    /// Runs `body` on a connection's own thread.
    ///
    /// A connection whose server has gone away while it was idle is replaced before `body` runs. What `body` leaves open,
    /// a transaction or a broken connection, never reaches the next caller.
    ///
    /// - Throws: What `body` throws, or an error that says that nothing was sent.
    package nonisolated func withConnection<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws(PostgresError) -> Result {
        let connection = try await lease()
        let (result, outcome) = await connection.use(body)
        await release(connection, outcome)
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

    private func lease() async throws(PostgresError) -> PostgresConnection {
        lastWaiterID += 1
        let waiter = State.WaiterID(rawValue: lastWaiterID)
        switch state.lease(waiter, at: .now) {
        case .use(let connection): return connection
        case .fail(let error): throw error
        case .wait: break
        }
        let timer = Task { [leaseTimeout] in
            try await Task.sleep(for: leaseTimeout)
            giveUp(waiter)
        }
        defer { timer.cancel() }
        do {
            return try await withTaskCancellationHandler {
                try await withCheckedThrowingContinuation { waiting[waiter] = $0 }
            } onCancel: {
                Task { await self.giveUp(waiter) }
            }
        } catch {
            throw error as? PostgresError ?? .poolExhausted
        }
    }

    private func release(_ connection: PostgresConnection, _ outcome: State.Outcome) async {
        switch state.release(connection, outcome, at: .now, jitter: .random(in: 0..<1)) {
        case .none: break
        case .handOver(let connection, let waiter):
            waiting.removeValue(forKey: waiter)?.resume(returning: connection)
        case .fail(let waiters, let error): fail(waiters, error)
        case .close(let connection): await connection.close()
        }
    }

    private func giveUp(_ waiter: State.WaiterID) {
        if state.cancel(waiter) {
            fail([waiter], .poolExhausted)
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
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Success
    ) -> (Result<Success, PostgresError>, PoolState<PostgresConnection>.Outcome) {
        if !isUsable {
            close()
            do throws(PostgresError) {
                try open()
            } catch {
                return (.failure(error), .connectingFailed(error))
            }
        }
        let result = Result { () throws(PostgresError) in try body(self) }
        if !isIdle {
            close()
        }
        return (result, isUsable ? .healthy : .closed)
    }
}
