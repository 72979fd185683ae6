import Executors
import Synchronization

/// Cancels on the server what a lease has under way there, once the lease's task is cancelled.
///
/// A request to cancel names a session, not a statement. It may find the session between two statements and be lost, so
/// it is repeated until the lease is over; and one may still be on its way then, so the session of a lease that was
/// cancelled must be ended and never used again.
final class LeaseCancellation: Sendable {
    private enum State {
        case notBegun
        case running(CancelRequest?)
        case cancelled
        case over
    }

    private let state = Mutex(State.notBegun)

    /// Notes which session the lease uses; false if the task was cancelled before anything was sent.
    func begin(_ request: CancelRequest?) -> Bool {
        state.withLock { state in
            if case .cancelled = state { return false }
            state = .running(request)
            return true
        }
    }

    /// Ends the lease; true if the task was cancelled meanwhile.
    func end() -> Bool {
        state.withLock { state in
            defer { state = .over }
            return if case .cancelled = state { true } else { false }
        }
    }

    /// Starts to cancel and returns at once.
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

/// Sends on a thread of its own, since connecting blocks for as long as the network likes.
private actor CancelRequestSender {
    private let executor = ThreadExecutor()

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    func send(_ request: CancelRequest) {
        request.send()
    }
}
