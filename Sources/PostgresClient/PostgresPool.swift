package import Executors
import Synchronization

/// A bounded set of connections, which open when first needed and reopen after they break.
package final class PostgresPool: Sendable {
    private let queue: Mutex<LeaseQueue>
    private let leaseTimeout: Duration
    private let size: Int

    /// Prepares the connections without opening any.
    ///
    /// - Parameters:
    ///   - size: The maximum number of connections, at least 1.
    ///   - leaseTimeout: How long a caller waits for a free connection.
    ///   - maximumLifetime: The age, less up to a tenth, at which a connection is replaced before its next use.
    ///   - maximumWaiters: How many callers may wait; further ones fail at once.
    ///   - executor: The thread for all connections, if their callers run on it; nil gives each connection its own.
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
        queue = Mutex(
            LeaseQueue(PoolState(connections, maximumLifetime: maximumLifetime, maximumWaiters: maximumWaiters))
        )
        self.leaseTimeout = leaseTimeout
        self.size = size
    }

    /// Runs `body` on a connection's own thread.
    ///
    /// An idle connection that the server has closed is replaced before `body` runs. State that `body` leaves behind,
    /// such as an open transaction or a broken connection, never reaches the next caller. Cancelling the task cancels
    /// the running statement on the server and replaces the connection.
    ///
    /// - Throws: The error of `body`, or one that means that nothing was sent.
    package func withConnection<Result: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) throws(PostgresError) -> Result
    ) async throws(PostgresError) -> Result {
        let lease = try await lease()
        let cancellation = LeaseCancellation()
        let (result, outcome) = await withTaskCancellationHandler {
            await lease.connection.use(opensAnew: lease.opensAnew, cancellation, body)
        } onCancel: {
            cancellation.cancel()
        }
        await queue.withLock { $0.release(lease, outcome) }?.close()
        return try result.get()
    }

    /// Connections in use, callers that wait for one, and all connections, open or not.
    package var load: (inUse: Int, waiting: Int, size: Int) {
        queue.withLock { ($0.inUse, $0.waitingCount, size) }
    }

    /// Closes idle connections now and the others when they are released; waiting and later callers fail.
    package func shutDown() async {
        for connection in queue.withLock({ $0.shutDown() }) {
            await connection.close()
        }
    }

    private func lease() async throws(PostgresError) -> PoolState<PostgresConnection>.Lease {
        let (waiter, action) = queue.withLock { $0.lease() }
        switch action {
        case .use(let lease): return lease
        case .fail(let error): throw error
        case .wait: break
        }
        let timer = Task { [leaseTimeout] in
            try await Task.sleep(for: leaseTimeout)
            queue.withLock { $0.cancel(waiter, .poolExhausted) }
        }
        defer { timer.cancel() }
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                queue.withLock { $0.wait(waiter, continuation) }
            }
        } onCancel: {
            queue.withLock { $0.cancel(waiter, .cancelled) }
        }
        return try answer.get()
    }
}

/// The pool's decisions, together with the tasks that wait for a lease.
///
/// Its methods run under the pool's lock. They may resume a task there, which only enqueues it.
private struct LeaseQueue {
    typealias State = PoolState<PostgresConnection>
    typealias Answer = Result<State.Lease, PostgresError>

    private enum Waiting {
        case suspended(CheckedContinuation<Answer, Never>)
        /// The answer came before the task was suspended.
        case answered(Answer)
    }

    private var state: State
    private var lastWaiterID = 0
    private var waiting: [State.WaiterID: Waiting] = [:]

    init(_ state: State) {
        self.state = state
    }

    var inUse: Int {
        state.leasedCount
    }

    var waitingCount: Int {
        state.waitingCount
    }

    mutating func lease() -> (State.WaiterID, State.LeaseAction) {
        lastWaiterID += 1
        let waiter = State.WaiterID(rawValue: lastWaiterID)
        return (waiter, state.lease(waiter, at: .now, jitter: .random(in: 0..<1)))
    }

    mutating func wait(_ waiter: State.WaiterID, _ continuation: CheckedContinuation<Answer, Never>) {
        if case .answered(let answer) = waiting.removeValue(forKey: waiter) {
            continuation.resume(returning: answer)
        } else {
            waiting[waiter] = .suspended(continuation)
        }
    }

    /// Returns a connection to the pool.
    ///
    /// - Returns: The connection if it must be closed.
    mutating func release(_ lease: State.Lease, _ outcome: State.Outcome) -> PostgresConnection? {
        switch state.release(lease, outcome, at: .now, jitter: .random(in: 0..<1)) {
        case .none: break
        case .handOver(let lease, let waiter): answer(waiter, .success(lease))
        case .fail(let waiters, let error): waiters.forEach { answer($0, .failure(error)) }
        case .close(let connection): return connection
        }
        return nil
    }

    mutating func cancel(_ waiter: State.WaiterID, _ error: PostgresError) {
        if state.cancel(waiter) {
            answer(waiter, .failure(error))
        }
    }

    /// Fails all waiters and rejects later ones.
    ///
    /// - Returns: The connections to close.
    mutating func shutDown() -> [PostgresConnection] {
        let (connections, waiters) = state.shutDown()
        waiters.forEach { answer($0, .failure(.shutDown)) }
        return connections
    }

    private mutating func answer(_ waiter: State.WaiterID, _ answer: Answer) {
        if case .suspended(let continuation) = waiting.removeValue(forKey: waiter) {
            continuation.resume(returning: answer)
        } else {
            waiting[waiter] = .answered(answer)
        }
    }
}

extension PostgresConnection {
    /// Opens the connection if necessary, runs `body`, and reports the connection's state afterward.
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
