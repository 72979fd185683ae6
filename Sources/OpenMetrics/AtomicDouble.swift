import Synchronization

/// A floating-point number that threads may change at the same time.
final class AtomicDouble: Sendable {
    private let bits = Atomic<UInt64>(0)

    func load() -> Double {
        Double(bitPattern: bits.load(ordering: .relaxed))
    }

    func store(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    func add(_ amount: Double) {
        var expected = bits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: expected) + amount).bitPattern
            let (isDone, actual) = bits.weakCompareExchange(expected: expected, desired: sum, ordering: .relaxed)
            if isDone { return }
            expected = actual
        }
    }
}
