package import Synchronization

/// Batches requests that arrive while others are running.
///
/// A lone request runs at once. Under load, batches grow, and each costs about as much as a single
/// request.
package final class Batcher<Request: Sendable, Answer: Sendable>: Sendable {
    /// Runs a batch and returns one answer per request.
    ///
    /// An error applies to the whole batch. `StoreError.invalidValue` means that nothing was written: the batcher then
    /// runs each half again, until only the offending request fails.
    package typealias Perform = @Sendable ([Request]) async throws(StoreError) -> BatchOutcome<Answer>

    /// A request with the task that waits for its answer.
    @usableFromInline
    package struct Entry: Sendable {
        @usableFromInline let request: Request
        @usableFromInline let continuation: CheckedContinuation<Result<Answer, StoreError>, Never>

        @inlinable
        init(request: Request, continuation: CheckedContinuation<Result<Answer, StoreError>, Never>) {
            self.request = request
            self.continuation = continuation
        }
    }

    @usableFromInline let state: Mutex<BatchState<Entry>>
    @usableFromInline let lastTicket = Atomic<UInt64>(0)
    @usableFromInline let queueTimeout: Duration
    @usableFromInline let executor: (any TaskExecutor)?
    @usableFromInline let perform: Perform

    /// - Parameters:
    ///   - queueCount: The number of kinds of requests, each with its own queue and share of the batches.
    ///   - executor: Where the batches run, one after another; nil for Swift's global executor.
    @inlinable
    package init(
        _ limits: BatchLimits,
        queueCount: Int = 1,
        on executor: (any TaskExecutor)? = nil,
        perform: @escaping Perform
    ) {
        state = Mutex(
            BatchState(
                maximumBatch: limits.maximumBatch,
                maximumWaiting: limits.maximumWaiting,
                queueCount: queueCount
            )
        )
        queueTimeout = limits.queueTimeout
        self.executor = executor
        self.perform = perform
    }

    /// What waits, and the batches so far.
    @inlinable
    package var load: WriteLoad {
        state.withLock { $0.load }
    }

    /// Runs the request in a batch with others that are waiting, and returns its own answer.
    ///
    /// If the task is cancelled while the request waits, the request is withdrawn; once it runs, it is answered all the
    /// same.
    ///
    /// - Parameters:
    ///   - weight: The request's share of a batch, at least 1.
    ///   - queue: The index of the queue for the request's kind, from 0.
    /// - Throws: Its own error or the batch's; `StoreError.unavailable` if it never ran.
    @inlinable
    package func submit(_ request: Request, weight: Int = 1, queue: Int = 0) async throws(StoreError) -> Answer {
        let ticket = BatchState<Entry>.Ticket(rawValue: lastTicket.add(1, ordering: .relaxed).newValue)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                enqueue(Entry(request: request, continuation: continuation), ticket, weight, queue)
                // The handler may have run before the request was queued.
                if Task.isCancelled {
                    withdraw(ticket)
                }
            }
        } onCancel: {
            withdraw(ticket)
        }
        return try result.get()
    }

    @inlinable
    func enqueue(_ entry: Entry, _ ticket: BatchState<Entry>.Ticket, _ weight: Int, _ queue: Int) {
        // Read the clock under the lock, so that deadlines ascend.
        switch state.withLock({ $0.add(entry, ticket, weight: weight, queue: queue, deadline: .now + queueTimeout) }) {
        case .run: Task(executorPreference: executor) { await self.run() }
        case .waitAndWatch: Task { await watch() }
        case .wait: break
        case .refuse:
            entry.continuation.resume(returning: .failure(.unavailable(reason: "too many requests are waiting")))
        }
    }

    @inlinable
    func withdraw(_ ticket: BatchState<Entry>.Ticket) {
        let entry = state.withLock { $0.withdraw(ticket) }
        entry?.continuation.resume(returning: .failure(.unavailable(reason: "the request was cancelled")))
    }

    @inlinable
    func run() async {
        while let batch = state.withLock({ $0.next() }) {
            await run(batch[...])
        }
    }

    /// Runs a batch, answers its requests, and then announces it.
    @inlinable
    func run(_ batch: ArraySlice<Entry>) async {
        do throws(StoreError) {
            let outcome = try await perform(batch.map(\.request))
            answer(batch, outcome.answers)
            outcome.announce?()
        } catch {
            guard case .invalidValue = error, batch.count > 1 else {
                return answer(batch, batch.map { _ in .failure(error) })
            }
            let middle = batch.startIndex + batch.count / 2
            await run(batch[..<middle])
            await run(batch[middle...])
        }
    }

    @inlinable
    func answer(_ batch: ArraySlice<Entry>, _ answers: [Result<Answer, StoreError>]) {
        if answers.count != batch.count {
            let reason = "\(answers.count) answers came to \(batch.count) requests"
            return answer(batch, batch.map { _ in .failure(.outcomeUnknown(reason: reason)) })
        }
        for (entry, answer) in zip(batch, answers) {
            entry.continuation.resume(returning: answer)
        }
    }

    /// Fails requests whose deadline passes while an earlier batch runs.
    @inlinable
    func watch() async {
        while true {
            let (expired, next) = state.withLock { $0.expire(at: .now) }
            for entry in expired {
                entry.continuation.resume(
                    returning: .failure(.unavailable(reason: "the database took too long for earlier requests"))
                )
            }
            guard let next else { return }
            try? await Task.sleep(until: next, clock: .continuous)
        }
    }
}

/// The result of running a batch.
package struct BatchOutcome<Answer: Sendable>: Sendable {
    /// One per request, in the same order; with any other count, all requests fail.
    package let answers: [Result<Answer, StoreError>]
    /// Notifies others of the batch, after each request is answered and before the next batch runs.
    package let announce: (@Sendable () -> Void)?

    package init(answers: [Result<Answer, StoreError>], announce: (@Sendable () -> Void)? = nil) {
        self.answers = answers
        self.announce = announce
    }
}
