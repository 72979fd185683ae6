package import CoreMetrics
import Synchronization

/// The metrics of a server, recorded through swift-metrics or read from sources, and their text.
///
/// It is passed to what records metrics rather than being the process's `MetricsSystem`, so that servers in one process
/// have separate metrics. Get a handle once and keep it: recording a value takes a few atomic operations and no lock.
package final class MetricRegistry: Sendable {
    /// Reads values at the moment.
    package typealias Source = @Sendable () async -> [Observation]

    private struct Recorded {
        let family: MetricFamily
        var series: [[MetricLabel]: any Instrument] = [:]
    }

    private struct State {
        var families: [String: Recorded] = [:]
        var sources: [Source] = []
    }

    private let state = Mutex(State())

    /// Without any metrics.
    package init() {}

    /// Returns the counter of a series; the same one if there already is one.
    package func counter(_ family: MetricFamily, _ labels: [(String, String)] = []) -> Counter {
        declare(family)
        return Counter(label: family.name, dimensions: labels, factory: self)
    }

    /// Returns the histogram of a series of durations in seconds.
    package func timer(_ family: MetricFamily, _ labels: [(String, String)] = []) -> Timer {
        declare(family)
        return Timer(label: family.name, dimensions: labels, factory: self)
    }

    /// Returns the histogram of a series of other values.
    package func histogram(_ family: MetricFamily, _ labels: [(String, String)] = []) -> Recorder {
        declare(family)
        return Recorder(label: family.name, dimensions: labels, aggregate: true, factory: self)
    }

    /// Reads values whenever the metrics are read.
    package func observe(_ source: @escaping Source) {
        state.withLock { $0.sources.append(source) }
    }

    /// Writes all metrics, families in the order of their names.
    package func text(in format: ExpositionFormat) async -> [UInt8] {
        var observed: [String: [Observation]] = [:]
        for source in state.withLock(\.sources) {
            for observation in await source() {
                observed[observation.family.name, default: []].append(observation)
            }
        }
        var families = state.withLock(\.families).filter { !$0.value.series.isEmpty }
        for (name, observations) in observed where families[name] == nil {
            families[name] = Recorded(family: observations[0].family)
        }
        var writer = ExpositionWriter(format)
        for (name, recorded) in families.sorted(by: { $0.key < $1.key }) {
            writer.begin(recorded.family)
            for (labels, instrument) in recorded.series.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                instrument.write(recorded.family, labels, to: &writer)
            }
            for observation in observed[name] ?? [] {
                writer.sample(of: recorded.family, observation.labels, observation.value)
            }
        }
        writer.end()
        return writer.bytes
    }

    private func declare(_ family: MetricFamily) {
        state.withLock { state in
            if state.families[family.name] == nil {
                state.families[family.name] = Recorded(family: family)
            }
        }
    }
}

extension MetricRegistry: MetricsFactory {
    /// Without a declared family of this label, the metric gets one with a general description.
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        instrument(label, dimensions, .counter) { _ in CounterInstrument() }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        instrument(label, dimensions, .gauge) { _ in GaugeInstrument() }
    }

    package func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        aggregate
            ? instrument(label, dimensions, .histogram(buckets: .latencies), HistogramInstrument.init)
            : instrument(label, dimensions, .gauge) { _ in GaugeInstrument() }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        instrument(label, dimensions, .histogram(buckets: .latencies), HistogramInstrument.init)
    }

    package func destroyCounter(_ handler: any CounterHandler) {
        remove(handler)
    }

    package func destroyMeter(_ handler: any MeterHandler) {
        remove(handler)
    }

    package func destroyRecorder(_ handler: any RecorderHandler) {
        remove(handler)
    }

    package func destroyTimer(_ handler: any TimerHandler) {
        remove(handler)
    }

    /// Returns the instrument of a series.
    ///
    /// If another kind of metric has the label, the values go nowhere: a family has one kind.
    private func instrument<Result: Instrument>(
        _ label: String,
        _ dimensions: [(String, String)],
        _ kind: MetricFamily.Kind,
        _ make: (MetricFamily) -> Result
    ) -> Result {
        let name = String(label.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
        let labels = [MetricLabel](dimensions)
        return state.withLock { state in
            let undeclared = MetricFamily(name, kind, "Recorded by a library.")
            var recorded = state.families[name] ?? Recorded(family: undeclared)
            if let existing = recorded.series[labels] as? Result { return existing }
            let instrument = make(recorded.family)
            if recorded.series.values.first.map({ $0 is Result }) ?? true {
                recorded.series[labels] = instrument
                state.families[name] = recorded
            }
            return instrument
        }
    }

    private func remove(_ handler: AnyObject) {
        state.withLock { state in
            state.families = state.families.mapValues { recorded in
                var recorded = recorded
                recorded.series = recorded.series.filter { $0.value !== handler }
                return recorded
            }
        }
    }
}

extension HistogramInstrument {
    fileprivate convenience init(_ family: MetricFamily) {
        if case .histogram(let bounds) = family.kind {
            self.init(bounds: bounds)
        } else {
            self.init(bounds: .latencies)
        }
    }
}
