import CoreMetrics
import Synchronization

/// A number that only grows.
final class CounterInstrument: CounterHandler, Instrument {
    private let value = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        value.add(amount, ordering: .relaxed)
    }

    func reset() {
        value.store(0, ordering: .relaxed)
    }

    func write(_ family: MetricFamily, _ labels: [MetricLabel], to writer: inout ExpositionWriter) {
        writer.sample(of: family, labels, Double(value.load(ordering: .relaxed)))
    }
}
