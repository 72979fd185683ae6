package import ChatDomain

/// A value with one JSON form.
package protocol JSONWritable {
    /// Writes exactly one JSON value.
    func write(to writer: inout JSONWriter)
}

extension String: JSONWritable {
    /// Writes a string in quotes, escaped.
    package func write(to writer: inout JSONWriter) {
        writer.scalar { $0.appendQuoted(self) }
    }
}

extension Int64: JSONWritable {
    /// Writes all digits; a client that parses numbers as doubles loses precision beyond 2^53.
    package func write(to writer: inout JSONWriter) {
        writer.scalar { $0.appendDecimal(self) }
    }
}

extension Int: JSONWritable {
    /// Writes the same as `Int64`.
    package func write(to writer: inout JSONWriter) {
        Int64(self).write(to: &writer)
    }
}

/// - Precondition: The number is finite.
extension Double: JSONWritable {
    /// Writes the shortest decimal text that reads back as the same number.
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
    /// Writes a string in quotes.
    package func write(to writer: inout JSONWriter) {
        writer.scalar { bytes in
            bytes.append(UInt8(ascii: "\""))
            bytes.appendTimestamp(self)
            bytes.append(UInt8(ascii: "\""))
        }
    }
}

extension ChatID: JSONWritable {
    /// Writes a number.
    package func write(to writer: inout JSONWriter) {
        rawValue.write(to: &writer)
    }
}

extension MessageID: JSONWritable {
    /// Writes a number.
    package func write(to writer: inout JSONWriter) {
        rawValue.write(to: &writer)
    }
}

extension Position: JSONWritable {
    /// Writes a number.
    package func write(to writer: inout JSONWriter) {
        rawValue.write(to: &writer)
    }
}

extension UserID: JSONWritable {
    /// Writes a string.
    package func write(to writer: inout JSONWriter) {
        value.write(to: &writer)
    }
}

extension IdempotencyKey: JSONWritable {
    /// Writes a string.
    package func write(to writer: inout JSONWriter) {
        value.write(to: &writer)
    }
}

extension Epoch: JSONWritable {
    /// Writes a string, not a number.
    package func write(to writer: inout JSONWriter) {
        text.write(to: &writer)
    }
}

extension Metadata: JSONWritable {
    /// Writes the stored JSON verbatim; it was compact when it was stored.
    package func write(to writer: inout JSONWriter) {
        writer.scalar { $0.append(contentsOf: json.utf8) }
    }
}

extension JSONValue: JSONWritable {
    /// Writes the text as it was read, white space included.
    package func write(to writer: inout JSONWriter) {
        writer.scalar { $0.append(contentsOf: bytes) }
    }
}

extension Optional: JSONWritable where Wrapped: JSONWritable {
    /// Writes `null` for nil; to omit a member instead, use `member(_:ifPresent:)`.
    package func write(to writer: inout JSONWriter) {
        if let self {
            self.write(to: &writer)
        } else {
            writer.null()
        }
    }
}

extension Array: JSONWritable where Element: JSONWritable {
    /// Writes the elements in order.
    package func write(to writer: inout JSONWriter) {
        writer.array(self) { $1.write(to: &$0) }
    }
}
