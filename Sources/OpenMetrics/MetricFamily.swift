/// A metric's name and meaning, which all its series share.
package struct MetricFamily: Hashable, Sendable {
    /// How its values behave.
    package enum Kind: Hashable, Sendable {
        /// It only grows, until the process restarts.
        case counter
        case gauge
        /// Counts values by size; the upper bounds of the buckets ascend, and the last bucket, without a bound, is not
        /// among them.
        case histogram(buckets: [Double])
        /// Always 1: its labels are the information.
        case info
    }

    /// Without the suffixes that depend on the kind, such as `_total`.
    package let name: String
    package let kind: Kind
    /// The base unit, with which the name ends, such as `seconds`; nil for a number of things.
    package let unit: String?
    /// One sentence.
    package let help: String

    /// - Parameter help: One sentence about what is measured.
    package init(_ name: String, _ kind: Kind, unit: String? = nil, _ help: String) {
        self.name = name
        self.kind = kind
        self.unit = unit
        self.help = help
    }
}

extension [Double] {
    /// Upper bounds in seconds for what a client waits for: 1 ms to 10 s.
    package static let latencies = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
}
