/// Identifies a user: the `sub` of the user's tokens.
///
/// Only visible ASCII, so that an id has one spelling in paths, headers and logs, and Swift and both databases agree on
/// which ids are equal: Swift's `==` ignores how characters are composed.
package struct UserID: Hashable, Sendable {
    /// In characters, all of them ASCII.
    package static let maximumLength = 128
    /// A regular expression that matches exactly the valid ids.
    package static let pattern = "^[!-~]{1,\(maximumLength)}$"

    /// Case-sensitive and never trimmed.
    package let value: String

    /// Returns nil unless the text consists of 1 to 128 visible ASCII characters.
    package init?(_ text: String) {
        guard text.isVisibleASCII(upTo: Self.maximumLength) else { return nil }
        value = text
    }

    /// Reads an author as stores keep it, without validating it again; nil if there is none.
    package init?(stored text: String) {
        if text.isEmpty { return nil }
        value = text
    }
}

extension UserID? {
    /// An author as stores keep it: an empty text if there is none, because a unique index never finds two
    /// NULLs equal.
    package var stored: String {
        self?.value ?? ""
    }
}
