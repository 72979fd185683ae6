import Synchronization

/// A value that will be there later, for any number of tasks that wait for it.
final class Promise<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var lastWaiter = 0
        // Waiters that were canceled before they waited.
        var canceled: Set<Int> = []
    }

    private let state = Mutex(State())

    /// The value, if it is there.
    var current: Value? {
        state.withLock { $0.value }
    }

    /// Only the first value counts.
    func fulfill(_ value: Value) {
        let waiters = state.withLock { state in
            guard state.value == nil else { return [CheckedContinuation<Void, Never>]() }
            state.value = value
            defer { state.waiters = [:] }
            return [CheckedContinuation<Void, Never>](state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits for the value; returns nil if the task is canceled first.
    func wait() async -> Value? {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.value != nil || state.canceled.remove(id) != nil { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                let waiter = state.waiters.removeValue(forKey: id)
                if waiter == nil, state.value == nil { state.canceled.insert(id) }
                return waiter
            }
            waiter?.resume()
        }
        return current
    }
}
