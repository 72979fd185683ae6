import CoreMetrics
import Synchronization

/// Counts values in buckets that never change.
final class HistogramInstrument: RecorderHandler, TimerHandler, Instrument {
    /// Values in one bucket, without those of smaller buckets.
    private final class Bucket: Sendable {
        let count = Atomic<UInt64>(0)
    }

    private let bounds: [Double]
    /// One more than there are bounds.
    private let buckets: [Bucket]
    private let sum = AtomicDouble()

    /// - Parameter bounds: The upper bounds, ascending.
    init(bounds: [Double]) {
        self.bounds = bounds
        buckets = (0...bounds.count).map { _ in Bucket() }
    }

    func record(_ value: Double) {
        var index = 0
        while index < bounds.count, value > bounds[index] {
            index += 1
        }
        buckets[index].count.add(1, ordering: .relaxed)
        sum.add(value)
    }

    func record(_ value: Int64) {
        record(Double(value))
    }

    /// Records seconds, the base unit of time.
    func recordNanoseconds(_ duration: Int64) {
        record(Double(duration) / 1e9)
    }

    func write(_ family: MetricFamily, _ labels: [MetricLabel], to writer: inout ExpositionWriter) {
        // The count is that of the buckets, so that the two always agree.
        var count: UInt64 = 0
        for (index, bucket) in buckets.enumerated() {
            count += bucket.count.load(ordering: .relaxed)
            let bound = index < bounds.count ? "\(bounds[index])" : "+Inf"
            writer.sample(
                family.name,
                "_bucket",
                labels + [MetricLabel(name: "le", value: bound)],
                Double(count)
            )
        }
        writer.sample(family.name, "_sum", labels, sum.load())
        writer.sample(family.name, "_count", labels, Double(count))
    }
}
