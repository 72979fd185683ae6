/// How a batch of writes went.
package struct BatchReport: Sendable {
    /// Requests in the batch.
    package let requests: Int
    /// From the start of the transaction until its commit was confirmed.
    package let duration: Duration
    /// Whether the whole batch failed; requests can also fail alone.
    package let isFailed: Bool
}

/// Receives a report after every batch, before its requests are answered; it must not block.
package typealias BatchObserver = @Sendable (BatchReport) -> Void
