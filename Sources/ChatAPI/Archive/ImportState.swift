import ChatDomain

/// Gathers the lines of an archive into batches and checks that each follows from those before it.
///
/// It does no I/O.
struct ImportState {
    /// The lines of a batch.
    private static let batchSize = 2_000
    /// The bytes after which a batch is large enough, however few its lines are.
    private static let batchBytes = 4 << 20

    /// What was read so far.
    private(set) var progress = ArchiveProgress()
    /// Whether the last line of the archive was read.
    private(set) var isComplete = false
    private(set) var lineNumber = 0
    private var hasHeader = false
    private var lastPosition = Position(rawValue: 0)
    private var lastInstant: Instant?
    private var chat: ArchivedChat?
    private var stretches: [ArchivedStretch] = []
    private var gatheredLines = 0
    private var gatheredBytes = 0

    var batchIsFull: Bool {
        gatheredLines >= Self.batchSize || gatheredBytes >= Self.batchBytes
    }

    /// Takes what was gathered.
    mutating func takeBatch() -> [ArchivedStretch] {
        defer {
            stretches = []
            gatheredLines = 0
            gatheredBytes = 0
        }
        return stretches
    }

    /// - Throws: `ArchiveError` that names the line.
    mutating func add(_ line: [UInt8]) throws(ArchiveError) {
        lineNumber += 1
        do throws(ArchiveError) {
            guard line.count <= ArchiveLine.maximumLength else {
                throw ArchiveError("it is longer than \(ArchiveLine.maximumLength) bytes")
            }
            try add(ArchiveLine(parsing: line))
        } catch {
            throw ArchiveError("line \(lineNumber): \(error)")
        }
        gatheredLines += 1
        gatheredBytes += line.count
        progress.bytes += Int64(line.count) + 1
    }

    private mutating func add(_ line: ArchiveLine) throws(ArchiveError) {
        if isComplete { throw ArchiveError("there is more behind the archive's end") }
        switch line {
        case .header(let version):
            if hasHeader { throw ArchiveError("there is a second header") }
            guard version == ArchiveLine.version else {
                throw ArchiveError("the archive has version \(version), this chat-api reads \(ArchiveLine.version)")
            }
            hasHeader = true
        case _ where !hasHeader:
            throw ArchiveError("an archive begins with its header")
        case .chat(let next):
            if let chat, next.id.rawValue <= chat.id.rawValue {
                throw ArchiveError("chat \(next.id.rawValue) comes after chat \(chat.id.rawValue)")
            }
            chat = next
            lastPosition = Position(rawValue: 0)
            lastInstant = nil
            stretches.append(ArchivedStretch(chat: next))
            progress.chats += 1
        case .entry(let entry): try add(entry)
        case .end(let chats, let entries):
            guard chats == progress.chats, entries == progress.entries else {
                throw ArchiveError(
                    """
                    the archive had \(chats) chats and \(entries) entries, of which \(progress.chats) and \
                    \(progress.entries) are left
                    """
                )
            }
            isComplete = true
        }
    }

    private mutating func add(_ entry: ArchivedEntry) throws(ArchiveError) {
        guard let chat, chat.id == entry.chatID else {
            throw ArchiveError("an entry of chat \(entry.chatID.rawValue) does not follow that chat")
        }
        guard entry.position.rawValue == lastPosition.rawValue + 1 else {
            throw ArchiveError("position \(entry.position.rawValue) comes after \(lastPosition.rawValue)")
        }
        if let lastInstant, entry.instant < lastInstant {
            throw ArchiveError("the instant runs backwards")
        }
        if stretches.isEmpty {
            stretches.append(ArchivedStretch(chat: chat))
        }
        stretches[stretches.count - 1].entries.append(entry)
        lastPosition = entry.position
        lastInstant = entry.instant
        progress.entries += 1
    }
}
