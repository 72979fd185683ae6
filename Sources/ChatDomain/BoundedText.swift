/// A text trimmed of Unicode white space at both ends and counted in Unicode scalars, as Python's `len` counts.
protocol BoundedText {
    /// In Unicode scalars, after trimming.
    static var maximumLength: Int { get }
}

extension BoundedText {
    /// Returns the trimmed text, which has 1 to `maximumLength` scalars and no U+0000.
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
    /// Returns the text without leading and trailing scalars that have the Unicode property `White_Space`.
    package func trimmingUnicodeWhitespace() -> String {
        if let first = utf8.first, let last = utf8.last, first.isVisibleASCII, last.isVisibleASCII { return self }
        return String(trimmedScalars())
    }

    /// Counts the Unicode scalars and looks for U+0000, in one pass over the bytes.
    func measured() -> (count: Int, containsNull: Bool) {
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

extension String {
    /// Whether the text consists of 1 to `maximum` visible ASCII characters.
    func isVisibleASCII(upTo maximum: Int) -> Bool {
        (1...maximum).contains(utf8.count) && utf8.allSatisfy(\.isVisibleASCII)
    }
}

extension UInt8 {
    fileprivate var isVisibleASCII: Bool {
        (0x21...0x7E).contains(self)
    }
}

/// The reason why a text is rejected.
package enum TextViolation: Error, Equatable {
    /// Nothing is left after trimming.
    case tooShort(minimum: Int)
    /// More Unicode scalars than allowed are left after trimming.
    case tooLong(maximum: Int)
    /// The text contains U+0000, which PostgreSQL's `text` cannot hold.
    case containsNull
}
