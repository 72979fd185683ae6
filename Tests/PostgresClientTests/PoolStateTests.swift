import PostgresClient
import Testing

/// The pool's decisions, with the clock and the chance passed in.
@Suite struct PoolStateTests {
    private typealias State = PoolState<Int>
    private let start = ContinuousClock.now
    private let refused = PostgresError.connectionFailed(reason: "refused")

    private func waiter(_ number: Int) -> State.WaiterID {
        State.WaiterID(rawValue: number)
    }

    /// What `lease` gave, in a form that can be compared.
    private func lease(_ state: inout State, _ number: Int, at time: Duration = .zero) -> String {
        switch state.lease(waiter(number), at: start + time) {
        case .use(let connection): "use \(connection)"
        case .wait: "wait"
        case .fail(let error): "fail \(error)"
        }
    }

    private func release(
        _ state: inout State,
        _ connection: Int,
        _ outcome: State.Outcome,
        at time: Duration = .zero,
        jitter: Double = 1
    ) -> String {
        switch state.release(connection, outcome, at: start + time, jitter: jitter) {
        case .none: "none"
        case .handOver(let connection, let waiter): "hand \(connection) to \(waiter.rawValue)"
        case .fail(let waiters, let error): "fail \(waiters.map(\.rawValue)) \(error)"
        case .close(let connection): "close \(connection)"
        }
    }

    @Test func noMoreConnectionsAreLeasedThanThereAre() {
        var state = State([1, 2], maximumWaiters: 2)
        #expect(lease(&state, 1) == "use 2")
        #expect(lease(&state, 2) == "use 1")
        #expect(lease(&state, 3) == "wait")
        #expect(lease(&state, 4) == "wait")
        #expect(lease(&state, 5) == "fail \(PostgresError.poolExhausted)")
    }

    @Test func waitersAreServedInTheirOrder() {
        var state = State([1], maximumWaiters: 9)
        _ = lease(&state, 1)
        _ = lease(&state, 2)
        _ = lease(&state, 3)
        #expect(release(&state, 1, .healthy) == "hand 1 to 2")
        #expect(lease(&state, 4) == "wait")
        #expect(release(&state, 1, .closed) == "hand 1 to 3")
        #expect(release(&state, 1, .healthy) == "hand 1 to 4")
        #expect(release(&state, 1, .healthy) == "none")
    }

    @Test func aCancelledWaiterLeavesNoTrace() {
        var state = State([1], maximumWaiters: 1)
        _ = lease(&state, 1)
        _ = lease(&state, 2)
        #expect(state.cancel(waiter(2)) == true)
        #expect(state.cancel(waiter(2)) == false)
        #expect(lease(&state, 3) == "wait")
        #expect(release(&state, 1, .healthy) == "hand 1 to 3")
        #expect(state.cancel(waiter(3)) == false)
    }

    @Test func theConnectionThatWasUsedLastIsUsedAgain() {
        var state = State([1, 2], maximumWaiters: 1)
        _ = lease(&state, 1)
        _ = lease(&state, 2)
        _ = release(&state, 1, .healthy)
        _ = release(&state, 2, .healthy)
        #expect(lease(&state, 3) == "use 2")
        _ = release(&state, 2, .closed)
        #expect(lease(&state, 4) == "use 1")
        #expect(lease(&state, 5) == "use 2")
    }

    @Test func whileConnectingFailsOthersAreToldAtOnce() {
        var state = State([1, 2], maximumWaiters: 9)
        _ = lease(&state, 1)
        #expect(release(&state, 2, .connectingFailed(refused)) == "fail [] \(refused)")
        #expect(lease(&state, 2, at: .milliseconds(49)) == "fail \(refused)")
        #expect(lease(&state, 3, at: .milliseconds(50)) == "use 2")
        #expect(release(&state, 2, .connectingFailed(refused), at: .milliseconds(50)) == "fail [] \(refused)")
        #expect(lease(&state, 4, at: .milliseconds(149)) == "fail \(refused)")
        #expect(lease(&state, 5, at: .milliseconds(150)) == "use 2")
        #expect(release(&state, 2, .healthy, at: .milliseconds(150)) == "none")
        #expect(lease(&state, 6, at: .milliseconds(150)) == "use 2")
        #expect(lease(&state, 7, at: .milliseconds(150)) == "use 1")
    }

    @Test func waitersOutlastAFailureWhileAnotherConnectionIsAtWork() {
        var state = State([1, 2], maximumWaiters: 9)
        _ = lease(&state, 1)
        _ = lease(&state, 2)
        _ = lease(&state, 3)
        #expect(release(&state, 1, .connectingFailed(refused)) == "none")
        #expect(lease(&state, 4) == "wait")
        #expect(release(&state, 2, .healthy) == "hand 2 to 3")
        #expect(release(&state, 2, .connectingFailed(refused)) == "fail [4] \(refused)")
    }

    @Test func theBackOffIsBoundedAndSpread() {
        for failures in 1...100 {
            #expect(State.backoff(after: failures, jitter: 0) == .zero)
            #expect(State.backoff(after: failures, jitter: 1) <= .milliseconds(400))
        }
        #expect(State.backoff(after: 1, jitter: 1) == .milliseconds(50))
        #expect(State.backoff(after: 4, jitter: 0.5) == .milliseconds(200))
    }

    @Test func shuttingDownRefusesAndCloses() {
        var state = State([1, 2], maximumWaiters: 9)
        _ = lease(&state, 1)
        let closing = state.shutDown()
        #expect(closing.close == [1])
        #expect(closing.fail == [])
        #expect(lease(&state, 2) == "fail \(PostgresError.shutDown)")
        #expect(release(&state, 2, .healthy) == "close 2")
    }
}
