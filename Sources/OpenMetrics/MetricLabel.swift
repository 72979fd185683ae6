/// A name and a value that tell the series of a family apart.
struct MetricLabel: Hashable, Comparable, Sendable {
    let name: String
    let value: String

    static func < (one: MetricLabel, other: MetricLabel) -> Bool {
        (one.name, one.value) < (other.name, other.value)
    }
}

extension [MetricLabel] {
    init(_ labels: [(String, String)]) {
        self = labels.map { MetricLabel(name: $0.0, value: $0.1) }
    }
}
