/// A message's text: 1 to 5,000 Unicode scalars after trimming.
package struct MessageText: BoundedText, Hashable, Sendable {
    package static let maximumLength = 5_000

    package let value: String

    package init(_ text: String) throws(TextViolation) {
        value = try Self.validated(text)
    }
}
