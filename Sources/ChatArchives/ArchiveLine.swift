package import ChatDomain

/// One line of an archive of chats: NDJSON as docs/export.md describes it.
package enum ArchiveLine: Equatable, Sendable {
    /// The first line.
    case header(version: Int64)
    /// A chat, followed by the entries of its log.
    case chat(ArchivedChat)
    case entry(ArchivedEntry)
    /// The last line: how many chats and entries there were.
    case end(chats: Int64, entries: Int64)

    /// The only version that this program writes and reads.
    package static let version: Int64 = 1

    /// In bytes: 5,000 characters that are all escaped, the metadata and the other members, with room to spare.
    package static let maximumLength = 131_072
}

/// What is wrong with an archive, in one line for the user.
package struct ArchiveError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
