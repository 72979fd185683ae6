package import ChatDomain

/// The reason why a value is rejected as metadata of a chat, a message or a typing notice.
package enum MetadataViolation: Error {
    case notAnObject
    case tooLong(limit: Int)
    case notInterchangeable(InterchangeViolation)
}

extension Metadata {
    /// Checks metadata from a client or an archive.
    ///
    /// - Parameter limit: The maximum size of the compact JSON in bytes, at most `maximumLength`.
    package init(_ value: JSONValue, limit: Int = maximumLength) throws(MetadataViolation) {
        guard value.kind == .object else { throw .notAnObject }
        let json = value.compact
        guard json.utf8.count <= limit else { throw .tooLong(limit: limit) }
        do {
            try value.requireInterchangeable()
        } catch {
            throw .notInterchangeable(error)
        }
        guard let metadata = Metadata(json: json, canonical: value.canonical) else { throw .tooLong(limit: limit) }
        self = metadata
    }
}
