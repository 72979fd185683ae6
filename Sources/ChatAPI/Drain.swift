import Synchronization

/// Whether the server is about to stop: it still serves, but tells load balancers to send nobody anymore.
package final class Drain: Sendable {
    private let hasBegun = Atomic(false)

    package init() {}

    package var isUnderWay: Bool {
        hasBegun.load(ordering: .relaxed)
    }

    package func begin() {
        hasBegun.store(true, ordering: .relaxed)
    }
}
