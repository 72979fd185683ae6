package import ChatDomain
import ChatWire

/// Writes chats, or a whole database, as an archive, page by page.
///
/// Each chat is exported up to the end of its log when the export reaches the chat. A message that changes meanwhile is
/// exported as it is when its page is read. A chat that is deleted meanwhile is exported as far as it had been read.
package struct ChatExport {
    /// Entries or read markers per read, which sees one snapshot: at most 37 MiB if all are streamed messages.
    private static let pageSize = 250
    /// Users or chats per query.
    private static let listPageSize = 100

    private let archive: any ChatArchive

    package init(_ archive: any ChatArchive) {
        self.archive = archive
    }

    /// Exports one chat, or all users and then all chats in the order of their ids.
    ///
    /// - Parameters:
    ///   - chat: The only chat to export; nil exports everything.
    ///   - write: Called with consecutive pieces of the archive, each of whole lines, and with the progress so far.
    /// - Throws: `StoreError.chatNotFound` if there is no such chat, `StoreError.failed` for a log with a gap, and any
    ///   error of `write`.
    /// - Returns: The totals.
    package func run(
        _ chat: ChatID?,
        write: @escaping ([UInt8], ArchiveProgress) async throws -> Void
    ) async throws -> ArchiveProgress {
        var output = ArchiveOutput(write: write)
        try await output.append(.header(version: ArchiveLine.version))
        if chat == nil {
            try await exportUsers(to: &output)
        }
        try await forEachChat(chat) { try await export($0, to: &output) }
        return try await output.finish()
    }

    /// Counts the entries to export, for a progress display; the log may grow afterward.
    package func countEntries(_ chat: ChatID?) async throws -> Int64 {
        var count: Int64 = 0
        try await forEachChat(chat) { count += $0.head.chat.lastPosition.rawValue }
        return count
    }

    private func forEachChat(_ chat: ChatID?, _ visit: (ArchivedChat) async throws -> Void) async throws {
        if let chat {
            let previous = ChatID(rawValue: chat.rawValue - 1)
            guard let found = try await archive.archivedChats(after: previous, limit: 1).first, found.id == chat else {
                throw StoreError.chatNotFound
            }
            return try await visit(found)
        }
        var last = ChatID(rawValue: 0)
        while case let chats = try await archive.archivedChats(after: last, limit: Self.listPageSize),
            let newest = chats.last
        {
            for chat in chats {
                try await visit(chat)
            }
            last = newest.id
        }
    }

    private func exportUsers(to output: inout ArchiveOutput) async throws {
        var last: UserID?
        while case let users = try await archive.archivedUsers(after: last, limit: Self.listPageSize),
            let newest = users.last
        {
            for user in users {
                try await output.append(.user(user))
            }
            last = newest.id
        }
    }

    private func export(_ chat: ArchivedChat, to output: inout ArchiveOutput) async throws {
        try await output.append(.chat(chat))
        let end = chat.head.chat.lastPosition
        var last = Position(rawValue: 0)
        while last < end {
            guard let entries = try await page(of: chat.id, after: last) else { return }
            let next = last.rawValue + 1
            guard entries.first?.position.rawValue == next else {
                throw StoreError.failed(reason: "chat \(chat.id.rawValue) has nothing at position \(next)")
            }
            for entry in entries where entry.position <= end && entry.position.rawValue == last.rawValue + 1 {
                try await output.append(.entry(entry))
                last = entry.position
            }
        }
        try await exportReadMarkers(of: chat.id, to: &output)
    }

    private func exportReadMarkers(of chat: ChatID, to output: inout ArchiveOutput) async throws {
        var last: UserID?
        while case let markers = try await archive.archivedReadMarkers(of: chat, after: last, limit: Self.pageSize),
            let newest = markers.last
        {
            for marker in markers {
                try await output.append(.readMarker(marker))
            }
            last = newest.member.userID
        }
    }

    /// Returns nil if the chat was deleted.
    private func page(of chat: ChatID, after position: Position) async throws(StoreError) -> [ArchivedEntry]? {
        do throws(StoreError) {
            return try await archive.archivedEntries(of: chat, after: position, limit: Self.pageSize)
        } catch {
            if error == .chatNotFound { return nil }
            throw error
        }
    }
}

/// Buffers lines and writes them in larger pieces.
private struct ArchiveOutput {
    /// The number of bytes from which a piece is written.
    private static let pieceSize = 1 << 18

    private let write: ([UInt8], ArchiveProgress) async throws -> Void
    private var writer = JSONWriter(capacity: pieceSize + ArchiveLine.maximumLength)
    private var progress = ArchiveProgress()

    init(write: @escaping ([UInt8], ArchiveProgress) async throws -> Void) {
        self.write = write
    }

    mutating func append(_ line: ArchiveLine) async throws {
        line.write(to: &writer)
        switch line {
        case .user: progress.users += 1
        case .chat: progress.chats += 1
        case .entry: progress.entries += 1
        case .readMarker: progress.readMarkers += 1
        case .header, .end: break
        }
        if writer.bytes.count >= Self.pieceSize {
            try await flush()
        }
    }

    /// - Returns: The totals.
    mutating func finish() async throws -> ArchiveProgress {
        try await append(
            .end(
                users: progress.users,
                chats: progress.chats,
                entries: progress.entries,
                readMarkers: progress.readMarkers
            )
        )
        try await flush()
        return progress
    }

    private mutating func flush() async throws {
        progress.bytes += Int64(writer.bytes.count)
        try await write(writer.bytes, progress)
        writer.removeAll()
    }
}
