/// Which revisions of a message a change was made for.
package enum RevisionCondition: Equatable, Sendable {
    case any
    /// One of these, which may be none at all.
    case oneOf(Set<Int64>)

    package func holds(for message: Message) -> Bool {
        switch self {
        case .any: true
        case .oneOf(let revisions): revisions.contains(message.revision)
        }
    }
}
