package import Synchronization

/// Runs requests together that arrive while others are being run.
///
/// A lone request runs at once; under load the batches grow by themselves and each costs what one request did.
package final class Batcher<Request: Sendable, Answer: Sendable>: Sendable {
    /// Runs a batch.
    ///
    /// What it throws holds for all of its requests. Where that is `StoreError.invalidValue`, nothing was done, and the
    /// batcher runs both halves again, so that the one at fault fails alone in the end.
    package typealias Perform = @Sendable ([Request]) async throws(StoreError) -> BatchOutcome<Answer>

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
    @usableFromInline let patience: Duration
    @usableFromInline let executor: (any TaskExecutor)?
    @usableFromInline let perform: Perform

    /// - Parameters:
    ///   - queueCount: How many kinds of requests have a queue and a share of the batches of their own.
    ///   - executor: Where the batches run, one after the other without leaving it; nil for Swift's pool.
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
        patience = limits.patience
        self.executor = executor
        self.perform = perform
    }

    /// How many requests wait for their turn.
    @inlinable
    package var waitingCount: Int {
        state.withLock { $0.waitingCount }
    }

    /// Runs the request with whatever else is waiting and returns its own answer.
    ///
    /// A request whose task is cancelled while it waits is withdrawn; one that is being run is answered all the same.
    ///
    /// - Parameters:
    ///   - weight: How much of a batch the request takes up, at least 1.
    ///   - queue: The queue of the request's kind, from 0.
    /// - Throws: Its own error, or the batch's; `StoreError.unavailable` where it was never run.
    @inlinable
    package func submit(_ request: Request, weight: Int = 1, queue: Int = 0) async throws(StoreError) -> Answer {
        let ticket = BatchState<Entry>.Ticket(rawValue: lastTicket.add(1, ordering: .relaxed).newValue)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                enqueue(Entry(request: request, continuation: continuation), ticket, weight, queue)
                // The handler may have run before there was anything to withdraw.
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
        // The clock is read under the lock, so that deadlines ascend.
        switch state.withLock({ $0.add(entry, ticket, weight: weight, queue: queue, deadline: .now + patience) }) {
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

    /// Runs a batch, answers its requests, and tells others of it then.
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

    /// Tells those whose time runs out while a batch before theirs is being run.
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

/// What running a batch has come to.
package struct BatchOutcome<Answer: Sendable>: Sendable {
    /// One for each request, in their order.
    package let answers: [Result<Answer, StoreError>]
    /// Tells others of what was done, once each request has its answer and before the next batch runs.
    package let announce: (@Sendable () -> Void)?

    package init(answers: [Result<Answer, StoreError>], announce: (@Sendable () -> Void)? = nil) {
        self.answers = answers
        self.announce = announce
    }
}
