import CoreMetrics

/// A number that grows and shrinks.
final class GaugeInstrument: MeterHandler, RecorderHandler, Instrument {
    private let value = AtomicDouble()

    func set(_ value: Int64) {
        self.value.store(Double(value))
    }

    func set(_ value: Double) {
        self.value.store(value)
    }

    func increment(by amount: Double) {
        value.add(amount)
    }

    func decrement(by amount: Double) {
        value.add(-amount)
    }

    /// A recorder that does not aggregate keeps the last value.
    func record(_ value: Int64) {
        set(value)
    }

    func record(_ value: Double) {
        set(value)
    }

    func write(_ family: MetricFamily, _ labels: [MetricLabel], to writer: inout ExpositionWriter) {
        writer.sample(of: family, labels, value.load())
    }
}
