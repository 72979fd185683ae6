import DequeModule

/// The decisions of a pool, without I/O: which connection a lease gets, which callers wait, and when to reconnect.
///
/// The pool has all its connections from the start. A `warm` one answered when it was last used. A `cold` one is closed
/// and connects at its next use, as does a warm one whose lifetime has passed. Leases are granted in request order.
package struct PoolState<Connection> {
    /// Monotonic, so lifetimes do not depend on the wall clock.
    package typealias Instant = ContinuousClock.Instant

    private var warm: [Lease] = []
    private var cold: [Connection]
    /// Connections in use.
    package private(set) var leasedCount = 0
    private var waiters: Deque<WaiterID> = []
    private let maximumLifetime: Duration
    private let maximumWaiters: Int
    private var isShutDown = false
    /// The number of failed connection attempts since the last success; `retryTime` is when the next may start.
    private var failures = 0
    private var lastFailure: PostgresError?
    private var retryTime: Instant?

    /// Identifies a caller that may have to wait.
    package struct WaiterID: Hashable, Sendable {
        /// Chosen by the caller of `lease`, and unique within the pool.
        package let rawValue: Int

        package init(rawValue: Int) {
            self.rawValue = rawValue
        }
    }

    /// A connection lent to one caller until it is released.
    package struct Lease {
        /// Used by no other caller until the release.
        package let connection: Connection
        /// Whether a session must be opened first, replacing an existing one.
        package let opensAnew: Bool
        /// When the session must be replaced.
        fileprivate let expiry: Instant
    }

    /// - Parameters:
    ///   - connections: All of the pool's connections, none of them open.
    ///   - maximumLifetime: The age, less up to a tenth, at which a session is replaced before its next use.
    ///   - maximumWaiters: How many callers may wait; further ones fail at once.
    package init(_ connections: [Connection], maximumLifetime: Duration, maximumWaiters: Int) {
        cold = connections
        self.maximumLifetime = maximumLifetime
        self.maximumWaiters = maximumWaiters
    }

    /// Callers that wait for a connection.
    package var waitingCount: Int {
        waiters.count
    }

    /// What the caller of `lease` must do next.
    package enum LeaseAction {
        case use(Lease)
        case wait
        case fail(PostgresError)
    }

    /// Requests a connection.
    ///
    /// - Parameter jitter: A random number in 0..<1, which spreads the ends of the connections' lifetimes.
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
        // No leased connection could become free, so waiting would only delay the error.
        if leasedCount == 0 { return .fail(lastFailure ?? .poolExhausted) }
        guard waiters.count < maximumWaiters else { return .fail(.poolExhausted) }
        waiters.append(waiter)
        return .wait
    }

    /// How a lease ended.
    package enum Outcome: Sendable {
        /// The connection answered and is outside any transaction.
        case healthy
        /// The connection is closed because it broke or its state must not reach the next caller.
        case closed
        /// The connection could not be opened.
        case connectingFailed(PostgresError)
    }

    /// What the caller of `release` must do next.
    package enum ReleaseAction {
        case none
        case handOver(Lease, to: WaiterID)
        case fail([WaiterID], PostgresError)
        case close(Connection)
    }

    /// Returns a connection to the pool, or hands it to the next waiter.
    ///
    /// If the server cannot be reached and no connection is in use, all waiters fail.
    ///
    /// - Parameter jitter: A random number in 0..<1, which spreads the clients' attempts and the ends of the
    ///   connections' lifetimes.
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
            // Notice within half a second that the server is back.
            retryTime = now + Backoff.delay(after: failures, jitter: jitter, maximum: .milliseconds(400))
            leasedCount -= 1
            cold.append(lease.connection)
            guard leasedCount == 0, warm.isEmpty else { return .none }
            defer { waiters.removeAll() }
            return .fail(Array(waiters), error)
        }
        let isHealthy = if case .healthy = outcome { true } else { false }
        // Pass the connection to the next waiter at once, so that no later request can take it.
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

    /// Leases an open connection to its next user.
    private func renew(_ lease: Lease, at now: Instant, jitter: Double) -> Lease {
        guard now < lease.expiry else { return openAnew(lease.connection, at: now, jitter: jitter) }
        return Lease(connection: lease.connection, opensAnew: false, expiry: lease.expiry)
    }

    /// Shortens the lifetime by up to a tenth, so that connections opened together do not expire together.
    private func openAnew(_ connection: Connection, at now: Instant, jitter: Double) -> Lease {
        Lease(connection: connection, opensAnew: true, expiry: now + maximumLifetime * (1 - jitter / 10))
    }

    /// Stops waiting; false if the caller no longer waits.
    package mutating func cancel(_ waiter: WaiterID) -> Bool {
        guard let index = waiters.firstIndex(of: waiter) else { return false }
        waiters.remove(at: index)
        return true
    }

    /// Rejects all leases from now on.
    ///
    /// - Returns: The idle connections to close, and the waiters to fail. Leased connections are closed when they are
    ///   released.
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
