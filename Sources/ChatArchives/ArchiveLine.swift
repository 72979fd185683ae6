package import ChatDomain

/// One line of an archive of chats: NDJSON as docs/export.md describes it.
package enum ArchiveLine: Equatable, Sendable {
    /// The first line.
    case header(version: Int64)
    /// A chat, followed by the entries of its log.
    case chat(ArchivedChat)
    case entry(ArchivedEntry)
    /// The last line: how many lines of either kind there were.
    case end(chats: Int64, entries: Int64)

    /// The version that this program writes, and the only one that it reads.
    package static let version: Int64 = 1

    /// In bytes: a text of 5,000 characters that are all escaped, its metadata and what else there is, with room to spare.
    package static let maximumLength = 131_072
}

/// What is wrong with an archive, in one line for the person who imports it.
package struct ArchiveError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
