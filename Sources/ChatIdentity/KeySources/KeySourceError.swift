/// The reason why a source of keys gave none; its last good keys stay in use.
package struct KeySourceError: Error, Hashable, CustomStringConvertible {
    /// What went wrong; it contains no part of a key.
    package enum Reason: Error, Hashable, CustomStringConvertible {
        case keys(TokenKeyError)
        case other(String)

        package var description: String {
            switch self {
            case .keys(let error): error.description
            case .other(let text): text
            }
        }
    }

    /// The file or the URL.
    package let source: String
    package let reason: Reason

    package init(source: String, reason: Reason) {
        self.source = source
        self.reason = reason
    }

    /// One line.
    package var description: String {
        "cannot use the keys in \(source): \(reason)"
    }
}

/// A change that a source of keys reports.
package enum KeySourceEvent: Hashable, Sendable {
    /// New keys are in use.
    case replaced(source: String, count: Int)
    /// The first failure, or one with another reason than the last.
    case failed(KeySourceError)
}
