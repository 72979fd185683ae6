/// What an application attaches to a chat or a message: a JSON object that the service keeps and does not read.
package struct Metadata: Sendable {
    /// In bytes of its compact text.
    package static let maximumLength = 16_384

    /// The object as JSON without white space between its tokens, and so without line breaks.
    package let json: String
    /// The same for all spellings of one object, by which a repeated request is recognized: its members may be in another
    /// order the next time.
    let canonical: String

    /// - Parameters:
    ///   - json: Checked and compact; nil if it is longer than `maximumLength` bytes.
    ///   - canonical: Needed for what a request brings; what a store reads is never compared in this form.
    package init?(json: String, canonical: String? = nil) {
        guard json.utf8.count <= Self.maximumLength else { return nil }
        self.json = json
        self.canonical = canonical ?? json
    }
}

/// Equal if the texts are.
extension Metadata: Hashable {
    package static func == (left: Metadata, right: Metadata) -> Bool {
        left.json == right.json
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(json)
    }
}

/// What is to become of metadata.
package enum MetadataEdit: Equatable, Sendable {
    case keep
    /// Nil takes it away.
    case replace(Metadata?)

    package func applied(to metadata: Metadata?) -> Metadata? {
        switch self {
        case .keep: metadata
        case .replace(let new): new
        }
    }
}
