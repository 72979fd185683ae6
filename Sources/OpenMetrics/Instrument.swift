/// One series, which records values and writes them when they are read.
protocol Instrument: AnyObject, Sendable {
    func write(_ family: MetricFamily, _ labels: [MetricLabel], to writer: inout ExpositionWriter)
}
