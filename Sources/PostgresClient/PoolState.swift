import DequeModule

/// The decisions of a pool, without I/O: which connection a lease gets, who waits, and when to try to connect again.
///
/// The pool has all its connections from the start. A `warm` one answered when it was last used. A `cold` one is closed and
/// connects at its next use, as does one whose lifetime is over. Leases are granted in the order of the requests.
package struct PoolState<Connection> {
    package typealias Instant = ContinuousClock.Instant

    private var warm: [Lease] = []
    private var cold: [Connection]
    private var leasedCount = 0
    private var waiters: Deque<WaiterID> = []
    private let maximumLifetime: Duration
    private let maximumWaiters: Int
    private var isShutDown = false
    /// How often connecting has failed since it last succeeded, and when it may be tried again.
    private var failures = 0
    private var lastFailure: PostgresError?
    private var retryTime: Instant?

    package struct WaiterID: Hashable, Sendable {
        package let rawValue: Int

        package init(rawValue: Int) {
            self.rawValue = rawValue
        }
    }

    /// A connection on loan.
    package struct Lease {
        package let connection: Connection
        /// Whether its session, if it has one, must be replaced before it is used.
        package let opensAnew: Bool
        /// When that is the case the next time.
        fileprivate let expiry: Instant
    }

    package init(_ connections: [Connection], maximumLifetime: Duration, maximumWaiters: Int) {
        cold = connections
        self.maximumLifetime = maximumLifetime
        self.maximumWaiters = maximumWaiters
    }

    package enum LeaseAction {
        case use(Lease)
        case wait
        case fail(PostgresError)
    }

    /// - Parameter jitter: A random number in 0..<1, by which the connections' lifetimes end apart.
    package mutating func lease(_ waiter: WaiterID, at now: Instant, jitter: Double) -> LeaseAction {
        if isShutDown { return .fail(.shutDown) }
        if let lease = warm.popLast() {
            leasedCount += 1
            return .use(renew(lease, at: now, jitter: jitter))
        }
        let mayConnect = retryTime.map { now >= $0 } ?? true
        if mayConnect, let connection = cold.popLast() {
            leasedCount += 1
            return .use(openAnew(connection, at: now, jitter: jitter))
        }
        // No connection is leased that could become free: waiting would only delay the error.
        if leasedCount == 0 { return .fail(lastFailure ?? .poolExhausted) }
        guard waiters.count < maximumWaiters else { return .fail(.poolExhausted) }
        waiters.append(waiter)
        return .wait
    }

    /// How a lease ended.
    package enum Outcome: Sendable {
        /// The connection answered and is outside any transaction.
        case healthy
        /// The connection is closed: it broke, or its state must not reach the next user.
        case closed
        /// It could not be opened.
        case connectingFailed(PostgresError)
    }

    package enum ReleaseAction {
        case none
        case handOver(Lease, to: WaiterID)
        case fail([WaiterID], PostgresError)
        case close(Connection)
    }

    /// - Parameter jitter: A random number in 0..<1, by which clients of one server spread their attempts and the
    ///   connections' lifetimes end apart.
    package mutating func release(
        _ lease: Lease,
        _ outcome: Outcome,
        at now: Instant,
        jitter: Double
    ) -> ReleaseAction {
        if isShutDown {
            leasedCount -= 1
            return .close(lease.connection)
        }
        switch outcome {
        case .healthy:
            (failures, lastFailure, retryTime) = (0, nil, nil)
        case .closed:
            break
        case .connectingFailed(let error):
            failures += 1
            lastFailure = error
            // A server that returns is found within half a second.
            retryTime = now + Backoff.delay(after: failures, jitter: jitter, maximum: .milliseconds(400))
            leasedCount -= 1
            cold.append(lease.connection)
            guard leasedCount == 0, warm.isEmpty else { return .none }
            defer { waiters.removeAll() }
            return .fail(Array(waiters), error)
        }
        let isHealthy = if case .healthy = outcome { true } else { false }
        // The connection passes to the next waiter at once, so that no later request can take it.
        if let next = waiters.popFirst() {
            let handedOver =
                isHealthy
                ? renew(lease, at: now, jitter: jitter) : openAnew(lease.connection, at: now, jitter: jitter)
            return .handOver(handedOver, to: next)
        }
        leasedCount -= 1
        if isHealthy {
            warm.append(lease)
        } else {
            cold.append(lease.connection)
        }
        return .none
    }

    /// The lease of an open connection for its next user.
    private func renew(_ lease: Lease, at now: Instant, jitter: Double) -> Lease {
        guard now < lease.expiry else { return openAnew(lease.connection, at: now, jitter: jitter) }
        return Lease(connection: lease.connection, opensAnew: false, expiry: lease.expiry)
    }

    /// Up to a tenth is taken off the lifetime, so that connections that were opened together do not end together.
    private func openAnew(_ connection: Connection, at now: Instant, jitter: Double) -> Lease {
        Lease(connection: connection, opensAnew: true, expiry: now + maximumLifetime * (1 - jitter / 10))
    }

    /// Stops waiting; false if the wait had already ended.
    package mutating func cancel(_ waiter: WaiterID) -> Bool {
        guard let index = waiters.firstIndex(of: waiter) else { return false }
        waiters.remove(at: index)
        return true
    }

    /// Refuses every lease from now on.
    ///
    /// - Returns: The idle connections to close, and the waiters to fail. Leased connections close when they are released.
    package mutating func shutDown() -> (close: [Connection], fail: [WaiterID]) {
        isShutDown = true
        defer {
            warm.removeAll()
            cold.removeAll()
            waiters.removeAll()
        }
        return (warm.map(\.connection) + cold, Array(waiters))
    }
}

extension PoolState.Lease: Sendable where Connection: Sendable {}
extension PoolState.LeaseAction: Sendable where Connection: Sendable {}
