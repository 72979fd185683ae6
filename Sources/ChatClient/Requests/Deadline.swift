import Synchronization

/// Ends an operation that makes no progress: a lost connection may never be reported.
final class Deadline: Sendable {
    private let instant: Mutex<ContinuousClock.Instant>

    init(in duration: Duration) {
        instant = Mutex(.now + duration)
    }

    /// Moves the deadline: the operation has made progress.
    func postpone(by duration: Duration) {
        instant.withLock { $0 = .now + duration }
    }

    /// Runs an operation, and cancels it at the deadline.
    func watch<Result: Sendable>(_ operation: @escaping @Sendable () async throws -> Result) async throws -> Result {
        try await withThrowingTaskGroup(of: Result.self) { group in
            defer { group.cancelAll() }
            group.addTask(operation: operation)
            group.addTask {
                while case let instant = self.instant.withLock({ $0 }), instant > .now {
                    try await Task.sleep(until: instant, clock: .continuous)
                }
                throw ChatError(ChatError.networkError, "The server did not respond in time")
            }
            guard let result = try await group.next() else { throw CancellationError() }
            return result
        }
    }
}
