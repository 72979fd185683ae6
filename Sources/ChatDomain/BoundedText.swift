/// A text trimmed of Unicode white space at both ends and counted in Unicode scalars, as Python's `len` counts.
protocol BoundedText {
    static var maximumLength: Int { get }
}

extension BoundedText {
    /// The trimmed text, if 1 to `maximumLength` scalars are left of it.
    static func validated(_ text: String) throws(TextViolation) -> String {
        let trimmed = text.trimmedScalars()
        if trimmed.isEmpty {
            throw .tooShort(minimum: 1)
        }
        if trimmed.count > maximumLength {
            throw .tooLong(maximum: maximumLength)
        }
        if trimmed.contains("\0") {
            throw .containsNull
        }
        return String(trimmed)
    }
}

extension String {
    /// Without the scalars of the property `White_Space` at both ends.
    package func trimmingUnicodeWhitespace() -> String {
        String(trimmedScalars())
    }

    fileprivate func trimmedScalars() -> Substring.UnicodeScalarView {
        let scalars = unicodeScalars
        guard let start = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let end = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return Substring().unicodeScalars }
        return scalars[start...end]
    }
}
