import DequeModule

/// What a pool decides, without its I/O: which connection a lease gets, who waits, and when connecting is tried again.
///
/// There are as many connections as the pool is large, from the start. A `warm` one answered when it was last used; a
/// `cold` one is closed and connects when it is used again. Leases are served in the order in which they came.
package struct PoolState<Connection> {
    package typealias Instant = ContinuousClock.Instant

    private var warm: [Connection] = []
    private var cold: [Connection]
    private var leasedCount = 0
    private var waiters: Deque<WaiterID> = []
    private let maximumWaiters: Int
    private var isShutDown = false
    /// How often connecting has failed since it last went well, and when it may be tried again.
    private var failures = 0
    private var lastFailure: PostgresError?
    private var retryTime: Instant?

    package struct WaiterID: Hashable, Sendable {
        package let rawValue: Int

        package init(rawValue: Int) {
            self.rawValue = rawValue
        }
    }

    package init(_ connections: [Connection], maximumWaiters: Int) {
        cold = connections
        self.maximumWaiters = maximumWaiters
    }

    package enum LeaseAction {
        case use(Connection)
        case wait
        case fail(PostgresError)
    }

    package mutating func lease(_ waiter: WaiterID, at now: Instant) -> LeaseAction {
        if isShutDown { return .fail(.shutDown) }
        if let connection = warm.popLast() {
            leasedCount += 1
            return .use(connection)
        }
        let mayConnect = retryTime.map { now >= $0 } ?? true
        if mayConnect, let connection = cold.popLast() {
            leasedCount += 1
            return .use(connection)
        }
        // Nothing is at work that could become free: waiting would only delay the bad news.
        if leasedCount == 0 { return .fail(lastFailure ?? .poolExhausted) }
        guard waiters.count < maximumWaiters else { return .fail(.poolExhausted) }
        waiters.append(waiter)
        return .wait
    }

    /// How a lease ended.
    package enum Outcome {
        /// The connection answered and is outside any transaction.
        case healthy
        /// The connection is closed: it broke, or was in a state that is not to be handed on.
        case closed
        /// It could not be opened.
        case connectingFailed(PostgresError)
    }

    package enum ReleaseAction {
        case none
        case handOver(Connection, to: WaiterID)
        case fail([WaiterID], PostgresError)
        case close(Connection)
    }

    /// - Parameter jitter: A random number in 0..<1, by which clients of one server spread their attempts.
    package mutating func release(
        _ connection: Connection,
        _ outcome: Outcome,
        at now: Instant,
        jitter: Double
    ) -> ReleaseAction {
        if isShutDown {
            leasedCount -= 1
            return .close(connection)
        }
        switch outcome {
        case .healthy:
            (failures, lastFailure, retryTime) = (0, nil, nil)
        case .closed:
            break
        case .connectingFailed(let error):
            failures += 1
            lastFailure = error
            retryTime = now + Self.backoff(after: failures, jitter: jitter)
            leasedCount -= 1
            cold.append(connection)
            guard leasedCount == 0, warm.isEmpty else { return .none }
            defer { waiters.removeAll() }
            return .fail(Array(waiters), error)
        }
        // The lease passes to the next one as it is, so that nobody who came later can take it.
        if let next = waiters.popFirst() { return .handOver(connection, to: next) }
        leasedCount -= 1
        if case .healthy = outcome {
            warm.append(connection)
        } else {
            cold.append(connection)
        }
        return .none
    }

    /// Takes back a wait; false if it had ended already.
    package mutating func cancel(_ waiter: WaiterID) -> Bool {
        guard let index = waiters.firstIndex(of: waiter) else { return false }
        waiters.remove(at: index)
        return true
    }

    /// Refuses everything from now on.
    ///
    /// - Returns: The connections to close, and who must be told. Leased ones are closed as they are released.
    package mutating func shutDown() -> (close: [Connection], fail: [WaiterID]) {
        isShutDown = true
        defer {
            warm.removeAll()
            cold.removeAll()
            waiters.removeAll()
        }
        return (warm + cold, Array(waiters))
    }

    /// Full jitter under a bound that doubles from 50 ms and stays at 400 ms: a server that returns is found within half
    /// a second.
    package static func backoff(after failures: Int, jitter: Double) -> Duration {
        .milliseconds(Double(50 << min(failures - 1, 3)) * jitter)
    }
}
