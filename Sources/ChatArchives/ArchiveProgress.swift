/// The progress of an export or an import.
package struct ArchiveProgress: Equatable, Sendable {
    package var chats: Int64 = 0
    package var entries: Int64 = 0
    /// Bytes read or written.
    package var bytes: Int64 = 0

    package init() {}
}
