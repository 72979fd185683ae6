package import Synchronization

/// Runs requests together that arrive while others are being run.
///
/// A lone request runs at once; under load the batches grow by themselves and each costs what one request did.
package final class Batcher<Request: Sendable, Answer: Sendable>: Sendable {
    /// Runs a batch and answers each of its requests, in their order.
    ///
    /// What it throws holds for all of them. Where that is `StoreError.failed`, nothing was done, and the batcher runs
    /// each of them alone, so that the one at fault fails alone.
    package typealias Perform = @Sendable ([Request]) async throws(StoreError) -> [Result<Answer, StoreError>]

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
    @usableFromInline let perform: Perform

    @inlinable
    package init(_ limits: BatchLimits, perform: @escaping Perform) {
        state = Mutex(BatchState(maximumBatch: limits.maximumBatch, maximumWaiting: limits.maximumWaiting))
        patience = limits.patience
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
    /// - Throws: Its own error, or the batch's; `StoreError.unavailable` where it was never run.
    @inlinable
    package func submit(_ request: Request) async throws(StoreError) -> Answer {
        let ticket = BatchState<Entry>.Ticket(rawValue: lastTicket.add(1, ordering: .relaxed).newValue)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                enqueue(Entry(request: request, continuation: continuation), ticket)
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
    func enqueue(_ entry: Entry, _ ticket: BatchState<Entry>.Ticket) {
        switch state.withLock({ $0.add(entry, ticket, deadline: .now + patience) }) {
        case .run: Task { await run() }
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
        while let (batch, expired) = state.withLock({ $0.next(at: .now) }) {
            for entry in expired {
                entry.continuation.resume(
                    returning: .failure(.unavailable(reason: "the database took too long for earlier requests"))
                )
            }
            let results = await results(of: batch.map(\.request))
            for (entry, result) in zip(batch, results) {
                entry.continuation.resume(returning: result)
            }
        }
    }

    @inlinable
    func results(of requests: [Request]) async -> [Result<Answer, StoreError>] {
        if requests.isEmpty { return [] }
        do throws(StoreError) {
            return try await perform(requests)
        } catch {
            guard case .failed = error, requests.count > 1 else {
                return requests.map { _ in .failure(error) }
            }
            var results: [Result<Answer, StoreError>] = []
            for request in requests {
                results += await self.results(of: [request])
            }
            return results
        }
    }
}
