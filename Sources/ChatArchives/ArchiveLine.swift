package import ChatDomain

/// One line of an archive: NDJSON as docs/export.md describes it.
package enum ArchiveLine: Equatable, Sendable {
    /// The first line.
    case header(version: Int64)
    /// A user; all users precede the chats.
    case user(User)
    /// A chat; the entries of its log follow, then its read markers.
    case chat(ArchivedChat)
    case entry(ArchivedEntry)
    case readMarker(ReadMarker)
    /// The last line, with the totals, by which a truncated archive is recognized.
    case end(users: Int64, chats: Int64, entries: Int64, readMarkers: Int64)

    /// The only version that this program writes and accepts.
    package static let version: Int64 = 1

    /// The maximum length of a line in bytes.
    ///
    /// It fits the longest streamed text with every character escaped, the metadata and the other members, with room to
    /// spare.
    package static let maximumLength = 1 << 20
}

/// The reason why an archive is rejected.
package struct ArchiveError: Error, Equatable, CustomStringConvertible {
    /// One line for the user, with the line number if there is one.
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
