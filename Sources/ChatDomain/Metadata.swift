/// A JSON object that an application attaches to a chat or a message; the service stores it without interpreting it.
package struct Metadata: Sendable {
    /// In bytes of the compact JSON.
    package static let maximumLength = 16_384

    /// The object as JSON without white space between tokens, and therefore without line breaks.
    package let json: String
    /// A form that is the same for all spellings of one object, regardless of member order.
    ///
    /// A repeated request is recognized by it.
    let canonical: String

    /// Wraps JSON that was validated before; returns nil only if it is too long.
    ///
    /// - Parameters:
    ///   - json: A valid, compact object of at most `maximumLength` bytes.
    ///   - canonical: Required for metadata from a request; metadata read from a store is never compared in this form.
    package init?(json: String, canonical: String? = nil) {
        guard json.utf8.count <= Self.maximumLength else { return nil }
        self.json = json
        self.canonical = canonical ?? json
    }
}

/// Two values are equal if their JSON texts are, so the order of members matters.
extension Metadata: Hashable {
    /// Ignores the canonical form.
    package static func == (left: Metadata, right: Metadata) -> Bool {
        left.json == right.json
    }

    /// Consistent with `==`: hashes the JSON text alone.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(json)
    }
}

/// A change to metadata.
package enum MetadataEdit: Equatable, Sendable {
    /// Leaves the metadata as it is.
    case keep
    /// Replaces the metadata as a whole; nil removes it.
    case replace(Metadata?)

    /// Returns the metadata after the edit.
    package func applied(to metadata: Metadata?) -> Metadata? {
        switch self {
        case .keep: metadata
        case .replace(let new): new
        }
    }
}
