/// The progress of an export or an import, from the start.
package struct ArchiveProgress: Equatable, Sendable {
    /// Users written, or read and not skipped.
    package var users: Int64 = 0
    /// Chats written, or read and not skipped.
    package var chats: Int64 = 0
    /// Log entries written, or read and not skipped.
    package var entries: Int64 = 0
    /// Read markers written, or read and not skipped.
    package var readMarkers: Int64 = 0
    /// Bytes read or written.
    package var bytes: Int64 = 0

    package init() {}
}
