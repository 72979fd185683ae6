/// The name of a server key, which tells people what uses the key: one line.
package struct ServerKeyName: Hashable, Sendable {
    /// In Unicode scalars.
    package static let maximumLength = 200
    /// A regular expression that matches the texts without control characters.
    package static let pattern = "^[^\\x00-\\x1F\\x7F-\\x9F]+$"

    /// Never trimmed.
    package let value: String

    /// Returns nil unless the text has 1 to 200 scalars, none of which is a control character.
    package init?(_ text: String) {
        guard (1...Self.maximumLength).contains(text.unicodeScalars.count),
            !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { return nil }
        value = text
    }
}
