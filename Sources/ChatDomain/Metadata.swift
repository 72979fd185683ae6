/// What an application attaches to a chat or a message: a JSON object that the service keeps and does not read.
package struct Metadata: Hashable, Sendable {
    /// In bytes of its compact text.
    package static let maximumLength = 16_384

    /// The object as JSON without white space between its tokens, and so without line breaks.
    package let json: String

    /// - Parameter json: Checked and compact; nil if it is longer than `maximumLength` bytes.
    package init?(json: String) {
        guard json.utf8.count <= Self.maximumLength else { return nil }
        self.json = json
    }
}
