import Synchronization

/// Counts the unsent response bytes of all connections.
package final class UnsentBytes: Sendable {
    private let count = Atomic<Int>(0)
    private let maximum: Int

    package init(maximum: Int) {
        self.maximum = maximum
    }

    /// Whether more bytes than the maximum are unsent.
    package var isOverLimit: Bool {
        count.load(ordering: .relaxed) > maximum
    }

    func add(_ bytes: Int) {
        count.wrappingAdd(bytes, ordering: .relaxed)
    }
}
