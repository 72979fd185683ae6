import Synchronization

/// Counts the unsent response bytes of all connections.
package final class UnsentBytes: Sendable {
    private let total = Atomic<Int>(0)
    /// Clients with unsent bytes.
    private let ofClient = Mutex<[AddressBlock: Int]>([:])
    private let maximum: Int

    package init(maximum: Int) {
        self.maximum = maximum
    }

    /// Whether more bytes than the maximum are unsent.
    package var isOverLimit: Bool {
        total.load(ordering: .relaxed) > maximum
    }

    /// Whether more bytes than the maximum are unsent, and this client has more than an equal share of the maximum.
    package func isOverLimit(for client: AddressBlock) -> Bool {
        isOverLimit && ofClient.withLock { $0[client, default: 0] > maximum / max($0.count, 1) }
    }

    package func add(_ bytes: Int, of client: AddressBlock) {
        total.wrappingAdd(bytes, ordering: .relaxed)
        ofClient.withLock { counts in
            let sum = counts[client, default: 0] + bytes
            counts[client] = sum == 0 ? nil : sum
        }
    }
}
