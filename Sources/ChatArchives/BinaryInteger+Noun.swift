extension BinaryInteger {
    /// The number with a noun, such as `1 entry` or `2 entries`.
    package func withNoun(_ singular: String, _ plural: String) -> String {
        "\(self) \(self == 1 ? singular : plural)"
    }
}
