import ChatDomain
package import ChatWire
package import Logging

/// Formats each message as one line and passes it to a `LogWriter`.
struct LineLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel: Logger.Level

    private let writer: LogWriter

    init(level: Logger.Level, writer: LogWriter) {
        self.writer = writer
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() {
            fields.merge(provided) { $1 }
        }
        if let own = event.metadata {
            fields.merge(own) { $1 }
        }
        if let error = event.error {
            fields["error"] = "\(error)"
        }
        var line = writer.format.line(at: .now(), event.level, "\(event.message)", fields)
        line.append(UInt8(ascii: "\n"))
        writer.write(line)
    }
}

extension LogFormat {
    /// Formats one line, without the line feed at its end.
    ///
    /// Line breaks in the message and the fields are escaped.
    func line(
        at time: Instant,
        _ level: Logger.Level,
        _ message: String,
        _ fields: Logger.Metadata
    ) -> [UInt8] {
        let sorted = fields.sorted { $0.key < $1.key }
        switch self {
        case .json:
            var writer = JSONWriter()
            writer.object { writer in
                writer.member("time", time)
                writer.member("level", level.rawValue)
                writer.member("message", message)
                writer.member("fields") { writer in
                    writer.object { writer in
                        for (key, value) in sorted {
                            writer.member(named: key, value)
                        }
                    }
                }
            }
            return writer.bytes
        case .text:
            var line: [UInt8] = []
            line.appendTimestamp(time)
            line.append(contentsOf: " \(level.rawValue.uppercased()) \(message.onOneLine)".utf8)
            for (key, value) in sorted {
                line.append(UInt8(ascii: " "))
                line.append(contentsOf: key.utf8)
                line.append(UInt8(ascii: "="))
                line.append(contentsOf: value.text.quotedIfNeeded.utf8)
            }
            return line
        }
    }
}

/// Writes a number or a boolean as such, and anything else as a string.
extension Logger.MetadataValue: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        guard case .stringConvertible(let convertible) = self else { return writer.value(text) }
        switch convertible {
        case let number as any FixedWidthInteger & CustomStringConvertible: writer.value(Int64(clamping: number))
        case let number as Double where number.isFinite: writer.value(number)
        case let isTrue as Bool: writer.value(isTrue)
        default: writer.value(text)
        }
    }
}

extension Logger.MetadataValue {
    fileprivate var text: String {
        if case .string(let text) = self { text } else { description }
    }
}

extension String {
    fileprivate var onOneLine: String {
        // Nearly every line is plain ASCII, and looking up each scalar's Unicode properties dominates the cost.
        if utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return self }
        return unicodeScalars.contains(where: \.breaksLines) ? debugDescription : self
    }

    fileprivate var quotedIfNeeded: String {
        let isPlain = utf8.allSatisfy { byte in
            (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
        }
        if isPlain, !isEmpty { return self }
        return isEmpty || unicodeScalars.contains { $0.breaksLines || $0 == " " || $0 == "\"" || $0 == "=" }
            ? debugDescription : self
    }
}

extension Unicode.Scalar {
    /// Whether a terminal might interpret the character instead of showing it.
    fileprivate var breaksLines: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
