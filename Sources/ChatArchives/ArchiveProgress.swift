/// How far an export or an import has come.
package struct ArchiveProgress: Equatable, Sendable {
    package var chats: Int64 = 0
    package var entries: Int64 = 0
    /// Bytes read or written.
    package var bytes: Int64 = 0

    package init() {}
}
