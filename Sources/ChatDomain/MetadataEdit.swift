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
