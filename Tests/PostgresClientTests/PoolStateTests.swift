import PostgresClient
import Testing

/// The pool's decisions, with the clock and the randomness passed in.
@Suite struct PoolStateTests {
    private let refused = PostgresError.connectionFailed(reason: "refused")

    /// A pool of numbered connections that reports its decisions as comparable values.
    private struct Pool {
        typealias State = PoolState<Int>
        private var state: State
        private var leases: [Int: State.Lease] = [:]
        private let start = ContinuousClock.now

        init(_ connections: [Int], maximumWaiters: Int = 9) {
            state = State(connections, maximumLifetime: .seconds(100), maximumWaiters: maximumWaiters)
        }

        mutating func lease(_ number: Int, at time: Duration = .zero, jitter: Double = 0) -> String {
            switch state.lease(waiter(number), at: start + time, jitter: jitter) {
            case .use(let lease): note(lease)
            case .wait: "wait"
            case .fail(let error): "fail \(error)"
            }
        }

        mutating func release(
            _ connection: Int,
            _ outcome: State.Outcome,
            at time: Duration = .zero,
            jitter: Double = 1
        ) throws -> String {
            let lease = leases.removeValue(forKey: connection)
            return switch state.release(try #require(lease), outcome, at: start + time, jitter: jitter) {
            case .none: "none"
            case .handOver(let lease, let waiter): "\(note(lease)) for \(waiter.rawValue)"
            case .fail(let waiters, let error): "fail \(waiters.map(\.rawValue)) \(error)"
            case .close(let connection): "close \(connection)"
            }
        }

        mutating func cancel(_ number: Int) -> Bool {
            state.cancel(waiter(number))
        }

        mutating func shutDown() -> (close: [Int], fail: [State.WaiterID]) {
            state.shutDown()
        }

        private func waiter(_ number: Int) -> State.WaiterID {
            State.WaiterID(rawValue: number)
        }

        private mutating func note(_ lease: State.Lease) -> String {
            leases[lease.connection] = lease
            return "\(lease.opensAnew ? "open" : "use") \(lease.connection)"
        }
    }

    @Test func `no more connections are leased than there are`() {
        var pool = Pool([1, 2], maximumWaiters: 2)
        #expect(pool.lease(1) == "open 2")
        #expect(pool.lease(2) == "open 1")
        #expect(pool.lease(3) == "wait")
        #expect(pool.lease(4) == "wait")
        #expect(pool.lease(5) == "fail \(PostgresError.poolExhausted)")
    }

    @Test func `waiters are served in order`() throws {
        var pool = Pool([1])
        _ = pool.lease(1)
        _ = pool.lease(2)
        _ = pool.lease(3)
        #expect(try pool.release(1, .healthy) == "use 1 for 2")
        #expect(pool.lease(4) == "wait")
        #expect(try pool.release(1, .closed) == "open 1 for 3")
        #expect(try pool.release(1, .healthy) == "use 1 for 4")
        #expect(try pool.release(1, .healthy) == "none")
    }

    @Test func `a cancelled waiter leaves no trace`() throws {
        var pool = Pool([1], maximumWaiters: 1)
        _ = pool.lease(1)
        _ = pool.lease(2)
        #expect(pool.cancel(2) == true)
        #expect(pool.cancel(2) == false)
        #expect(pool.lease(3) == "wait")
        #expect(try pool.release(1, .healthy) == "use 1 for 3")
        #expect(pool.cancel(3) == false)
    }

    @Test func `the most recently used connection is used again`() throws {
        var pool = Pool([1, 2])
        _ = pool.lease(1)
        _ = pool.lease(2)
        _ = try pool.release(1, .healthy)
        _ = try pool.release(2, .healthy)
        #expect(pool.lease(3) == "use 2")
        _ = try pool.release(2, .closed)
        #expect(pool.lease(4) == "use 1")
        #expect(pool.lease(5) == "open 2")
    }

    @Test func `a connection past its lifetime is replaced before its next use`() throws {
        var pool = Pool([1])
        #expect(pool.lease(1) == "open 1")
        #expect(try pool.release(1, .healthy, at: .seconds(50)) == "none")
        #expect(pool.lease(2, at: .seconds(99)) == "use 1")
        // The current lease keeps the connection; the next one reopens it.
        #expect(try pool.release(1, .healthy, at: .seconds(101)) == "none")
        #expect(pool.lease(3, at: .seconds(101)) == "open 1")
        #expect(pool.lease(4, at: .seconds(102)) == "wait")
        #expect(pool.lease(5, at: .seconds(102)) == "wait")
        #expect(try pool.release(1, .healthy, at: .seconds(200)) == "use 1 for 4")
        #expect(try pool.release(1, .healthy, at: .seconds(201)) == "open 1 for 5")
    }

    @Test func `connections opened together expire at different times`() throws {
        var pool = Pool([1, 2])
        #expect(pool.lease(1, jitter: 0) == "open 2")
        #expect(pool.lease(2, jitter: 1) == "open 1")
        _ = try pool.release(1, .healthy)
        _ = try pool.release(2, .healthy)
        #expect(pool.lease(3, at: .seconds(90)) == "use 2")
        #expect(pool.lease(4, at: .seconds(90)) == "open 1")
    }

    @Test func `while connecting fails, other leases fail at once`() throws {
        var pool = Pool([1, 2])
        _ = pool.lease(1)
        #expect(try pool.release(2, .connectingFailed(refused)) == "fail [] \(refused)")
        #expect(pool.lease(2, at: .milliseconds(49)) == "fail \(refused)")
        #expect(pool.lease(3, at: .milliseconds(50)) == "open 2")
        #expect(try pool.release(2, .connectingFailed(refused), at: .milliseconds(50)) == "fail [] \(refused)")
        #expect(pool.lease(4, at: .milliseconds(149)) == "fail \(refused)")
        #expect(pool.lease(5, at: .milliseconds(150)) == "open 2")
        #expect(try pool.release(2, .healthy, at: .milliseconds(150)) == "none")
        #expect(pool.lease(6, at: .milliseconds(150)) == "use 2")
        #expect(pool.lease(7, at: .milliseconds(150)) == "open 1")
    }

    @Test func `waiters outlast a failure while another connection is in use`() throws {
        var pool = Pool([1, 2])
        _ = pool.lease(1)
        _ = pool.lease(2)
        _ = pool.lease(3)
        #expect(try pool.release(1, .connectingFailed(refused)) == "none")
        #expect(pool.lease(4) == "wait")
        #expect(try pool.release(2, .healthy) == "use 2 for 3")
        #expect(try pool.release(2, .connectingFailed(refused)) == "fail [4] \(refused)")
    }

    @Test func `a shutdown rejects leases and closes connections`() throws {
        var pool = Pool([1, 2])
        _ = pool.lease(1)
        let closing = pool.shutDown()
        #expect(closing.close == [1])
        #expect(closing.fail == [])
        #expect(pool.lease(2) == "fail \(PostgresError.shutDown)")
        #expect(try pool.release(2, .healthy) == "close 2")
    }
}
