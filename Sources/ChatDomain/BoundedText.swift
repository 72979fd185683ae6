/// A text trimmed of Unicode white space at both ends and counted in Unicode scalars, as Python's `len` counts.
protocol BoundedText {
    static var maximumLength: Int { get }
}

extension BoundedText {
    /// The trimmed text, if 1 to `maximumLength` scalars are left of it.
    static func validated(_ text: String) throws(TextViolation) -> String {
        let trimmed = text.trimmingUnicodeWhitespace()
        if trimmed.isEmpty {
            throw .tooShort(minimum: 1)
        }
        let (count, containsNull) = trimmed.measured()
        if count > maximumLength {
            throw .tooLong(maximum: maximumLength)
        }
        if containsNull {
            throw .containsNull
        }
        return trimmed
    }
}

extension String {
    /// Without the scalars of the property `White_Space` at both ends.
    package func trimmingUnicodeWhitespace() -> String {
        if let first = utf8.first, let last = utf8.last, first.isVisibleASCII, last.isVisibleASCII { return self }
        return String(trimmedScalars())
    }

    /// How many Unicode scalars there are, and whether U+0000 is one of them, in one pass over the bytes.
    fileprivate func measured() -> (count: Int, containsNull: Bool) {
        var text = self
        return text.withUTF8 { bytes in
            var continuations = 0
            var nulls = 0
            for byte in bytes {
                continuations += byte & 0xC0 == 0x80 ? 1 : 0
                nulls += byte == 0 ? 1 : 0
            }
            return (bytes.count - continuations, nulls > 0)
        }
    }

    fileprivate func trimmedScalars() -> Substring.UnicodeScalarView {
        let scalars = unicodeScalars
        guard let start = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let end = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return Substring().unicodeScalars }
        return scalars[start...end]
    }
}

extension UInt8 {
    var isVisibleASCII: Bool {
        (0x21...0x7E).contains(self)
    }
}

/// Why a text is not accepted.
package enum TextViolation: Error, Equatable {
    /// Nothing is left after trimming.
    case tooShort(minimum: Int)
    /// More Unicode scalars than allowed are left after trimming.
    case tooLong(maximum: Int)
    /// U+0000 is in it, which PostgreSQL's `text` cannot hold.
    case containsNull
}
