package import ChatDomain

/// A value that has one form in JSON.
package protocol JSONWritable {
    /// Writes exactly one JSON value.
    func write(to writer: inout JSONWriter)
}

extension String: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.scalar { $0.appendQuoted(self) }
    }
}

extension Int64: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.scalar { $0.appendDecimal(self) }
    }
}

extension Int: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        Int64(self).write(to: &writer)
    }
}

/// - Precondition: The number is finite.
extension Double: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.scalar { $0.append(contentsOf: description.utf8) }
    }
}

extension Bool: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.scalar { $0.append(self ? "true" as StaticString : "false") }
    }
}

/// An RFC 3339 string in UTC, always with six fractional digits and `Z`.
extension Instant: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.scalar { bytes in
            bytes.append(UInt8(ascii: "\""))
            bytes.appendTimestamp(self)
            bytes.append(UInt8(ascii: "\""))
        }
    }
}

extension ChatID: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        rawValue.write(to: &writer)
    }
}

extension MessageID: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        rawValue.write(to: &writer)
    }
}

extension Position: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        rawValue.write(to: &writer)
    }
}

extension Epoch: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        text.write(to: &writer)
    }
}

extension Metadata: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.scalar { $0.append(contentsOf: json.utf8) }
    }
}

extension JSONValue: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.scalar { $0.append(contentsOf: bytes) }
    }
}

extension Optional: JSONWritable where Wrapped: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        if let self {
            self.write(to: &writer)
        } else {
            writer.null()
        }
    }
}

extension Array: JSONWritable where Element: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.array(self) { $1.write(to: &$0) }
    }
}
