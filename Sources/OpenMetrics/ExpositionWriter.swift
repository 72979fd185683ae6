/// Writes families and their samples as text.
struct ExpositionWriter {
    private let format: ExpositionFormat
    private(set) var bytes: [UInt8] = []

    init(_ format: ExpositionFormat) {
        self.format = format
    }

    /// Describes the family whose samples follow.
    mutating func begin(_ family: MetricFamily) {
        switch format {
        case .openMetrics:
            line("# TYPE \(family.name) \(family.kind.name)")
            if let unit = family.unit {
                line("# UNIT \(family.name) \(unit)")
            }
            line("# HELP \(family.name) \(family.help.escaped())")
        case .prometheus:
            // Here, a family has the name of its samples, and there is no info.
            let name = family.name + family.kind.suffix
            line("# HELP \(name) \(family.help.escaped(quotes: false))")
            line("# TYPE \(name) \(family.kind == .info ? "gauge" : family.kind.name)")
        }
    }

    /// Writes the value of a series that is not a histogram.
    mutating func sample(of family: MetricFamily, _ labels: [MetricLabel], _ value: Double) {
        sample(family.name, family.kind.suffix, labels, value)
    }

    mutating func sample(_ name: String, _ suffix: String, _ labels: [MetricLabel], _ value: Double) {
        bytes += name.utf8
        bytes += suffix.utf8
        if !labels.isEmpty {
            let pairs = labels.map { "\($0.name)=\"\($0.value.escaped())\"" }
            bytes += "{\(pairs.joined(separator: ","))}".utf8
        }
        line(" \(value.sampleText)")
    }

    /// Ends the text; a reader of OpenMetrics then knows that it is complete.
    mutating func end() {
        if format == .openMetrics {
            line("# EOF")
        }
    }

    private mutating func line(_ text: String) {
        bytes += text.utf8
        bytes.append(UInt8(ascii: "\n"))
    }
}

extension MetricFamily.Kind {
    fileprivate var name: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        case .info: "info"
        }
    }

    fileprivate var suffix: String {
        switch self {
        case .counter: "_total"
        case .info: "_info"
        case .gauge, .histogram: ""
        }
    }
}

extension String {
    /// - Parameter quotes: False for a help text in Prometheus's format.
    fileprivate func escaped(quotes: Bool = true) -> String {
        let escaped = replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return quotes ? escaped.replacing("\"", with: "\\\"") : escaped
    }
}

extension Double {
    fileprivate var sampleText: String {
        if let integer = Int64(exactly: self) { return String(integer) }
        return isInfinite ? (self < 0 ? "-Inf" : "+Inf") : isNaN ? "NaN" : "\(self)"
    }
}
