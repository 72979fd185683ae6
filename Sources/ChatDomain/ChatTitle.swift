/// A chat's title: 1 to 200 Unicode scalars after trimming.
package struct ChatTitle: BoundedText, Hashable, Sendable {
    package static let maximumLength = 200

    package let value: String

    package init(_ text: String) throws(TextViolation) {
        value = try Self.validated(text)
    }
}
