import Executors
import Synchronization

/// Cancels a lease's running statement on the server when the lease's task is cancelled.
///
/// A cancel request names a session, not a statement. It has no effect if it arrives between two statements, so it is
/// repeated until the lease ends. A request may still be in flight then, so the session of a cancelled lease must be
/// closed and never reused.
final class LeaseCancellation: Sendable {
    private enum State {
        case notBegun
        case running(CancelRequest?)
        case cancelled
        case over
    }

    private let state = Mutex(State.notBegun)

    /// Records the lease's session; false if the task was cancelled before anything was sent.
    func begin(_ request: CancelRequest?) -> Bool {
        state.withLock { state in
            if case .cancelled = state { return false }
            state = .running(request)
            return true
        }
    }

    /// Ends the lease; true if the task was cancelled in the meantime.
    func end() -> Bool {
        state.withLock { state in
            defer { state = .over }
            return if case .cancelled = state { true } else { false }
        }
    }

    /// Starts cancelling and returns at once.
    func cancel() {
        let request = state.withLock { state -> CancelRequest? in
            switch state {
            case .notBegun:
                state = .cancelled
                return nil
            case .running(let request):
                state = .cancelled
                return request
            case .cancelled, .over:
                return nil
            }
        }
        guard let request else { return }
        Task {
            let sender = CancelRequestSender()
            while isWanted {
                await sender.send(request)
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private var isWanted: Bool {
        state.withLock { state in
            if case .cancelled = state { true } else { false }
        }
    }
}

/// Sends on its own thread, because connecting may block for an unpredictable time.
private actor CancelRequestSender {
    private let executor = ThreadExecutor()

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    func send(_ request: CancelRequest) {
        request.send()
    }
}
