/// What a store has on disk for a request: made by it, or by an earlier request with the same idempotency key.
package struct Accepted<Value: Sendable>: Sendable {
    package let value: Value
    /// Whether an earlier request had made it, and this one has changed nothing.
    package let isReplay: Bool

    package init(_ value: Value, isReplay: Bool = false) {
        self.value = value
        self.isReplay = isReplay
    }
}

extension Accepted: Equatable where Value: Equatable {}
