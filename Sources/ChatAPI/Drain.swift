import Synchronization

/// Tells whether the server is about to stop: it still serves requests, but load balancers should stop sending them.
package final class Drain: Sendable {
    private let hasBegun = Atomic(false)

    package init() {}

    /// While true, the readiness check responds with 503.
    package var isUnderWay: Bool {
        hasBegun.load(ordering: .relaxed)
    }

    /// Starts the drain, which cannot be undone; safe to call from any thread.
    package func begin() {
        hasBegun.store(true, ordering: .relaxed)
    }
}
