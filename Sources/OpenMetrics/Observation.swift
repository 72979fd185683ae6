/// A value that is read when the metrics are, rather than recorded as it changes.
package struct Observation: Sendable {
    let family: MetricFamily
    let labels: [MetricLabel]
    let value: Double

    /// - Parameters:
    ///   - family: Not a histogram.
    ///   - labels: The names are the same in all series of the family.
    package init(_ family: MetricFamily, _ value: Double, _ labels: [(String, String)] = []) {
        self.family = family
        self.labels = [MetricLabel](labels)
        self.value = value
    }

    /// The same for a whole number.
    package init(_ family: MetricFamily, _ value: some BinaryInteger, _ labels: [(String, String)] = []) {
        self.init(family, Double(value), labels)
    }

    /// A fact that is constant while the process runs.
    package init(info family: MetricFamily, _ labels: [(String, String)]) {
        self.init(family, 1, labels)
    }
}
