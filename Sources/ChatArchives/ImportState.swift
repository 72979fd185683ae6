import ChatDomain

/// Collects the lines of an archive into batches and checks that each line may follow the previous ones.
///
/// A value without I/O.
struct ImportState {
    /// Lines per batch.
    private static let batchSize = 2_000
    /// Bytes from which a batch is full, however few lines it has.
    private static let batchBytes = 4 << 20

    /// The lines that have been read and not skipped.
    private(set) var progress = ArchiveProgress()
    /// Whether the last line of the archive has been read.
    private(set) var isComplete = false
    private(set) var lineNumber = 0
    /// Whether the header has been read, which must come first.
    private(set) var hasHeader = false
    /// Lines that are not imported: rejected lines and the rest of their logs.
    private(set) var skippedLines = 0
    /// Whether the rest of the current log is skipped: a log has no gaps.
    private var skipsLog = false
    private var lastPosition = Position(rawValue: 0)
    private var lastInstant: Instant?
    /// Whether the log of the current chat has ended: its read markers follow.
    private var hasReadMarkers = false
    private var lastUserID: UserID?
    private var lastChatID = ChatID(rawValue: 0)
    private var chat: (archived: ArchivedChat, line: Int)?
    private var batch = ImportBatch()
    private var gatheredLines = 0
    private var gatheredBytes = 0

    var batchIsFull: Bool {
        gatheredLines >= Self.batchSize || gatheredBytes >= Self.batchBytes
    }

    /// Returns the current batch and starts a new one.
    mutating func takeBatch() -> ImportBatch {
        defer {
            batch = ImportBatch()
            gatheredLines = 0
            gatheredBytes = 0
        }
        batch.setEnds(lastIsWhole: isComplete)
        return batch
    }

    /// Adds a line, without its line feed.
    ///
    /// - Throws: The problem with the line, which is skipped if the import continues.
    mutating func add(_ line: [UInt8]) throws(ImportProblem) {
        lineNumber += 1
        gatheredLines += 1
        gatheredBytes += line.count
        progress.bytes += Int64(line.count) + 1
        do throws(ArchiveError) {
            try add(parse(line))
        } catch {
            skippedLines += 1
            throw ImportProblem(line: lineNumber, reason: error.description)
        }
    }

    /// Accounts for lines that the store rejected, and skips the rest of their log.
    mutating func skip(_ problem: ImportProblem, of chatID: ChatID) {
        progress.chats -= Int64(problem.chats)
        progress.entries -= Int64(problem.entries)
        progress.readMarkers -= Int64(problem.readMarkers)
        skippedLines += problem.chats + problem.entries + problem.readMarkers
        if chat?.archived.id == chatID {
            skipsLog = true
        }
    }

    private mutating func parse(_ line: [UInt8]) throws(ArchiveError) -> ArchiveLine {
        do throws(ArchiveError) {
            guard line.count <= ArchiveLine.maximumLength else {
                throw ArchiveError("it is longer than \(ArchiveLine.maximumLength) bytes")
            }
            return try ArchiveLine(parsing: line)
        } catch {
            // The line may have been the next chat, or an entry of this one.
            skipsLog = true
            throw error
        }
    }

    private mutating func add(_ line: ArchiveLine) throws(ArchiveError) {
        if isComplete { throw ArchiveError("there are lines after the archive's end") }
        switch line {
        case .header(let version):
            if hasHeader { throw ArchiveError("there is a second header") }
            guard version == ArchiveLine.version else {
                throw ArchiveError(
                    "the archive has version \(version); this chat-api reads version \(ArchiveLine.version)"
                )
            }
            hasHeader = true
        case _ where !hasHeader:
            throw ArchiveError("an archive must begin with its header")
        case .user(let user): try add(user)
        case .chat(let next): try add(next)
        case .entry where skipsLog, .readMarker where skipsLog: skippedLines += 1
        case .entry(let entry): try add(entry)
        case .readMarker(let marker): try add(marker)
        case .end(let users, let chats, let entries, let readMarkers):
            isComplete = true
            // The content of unreadable lines is unknown.
            if skippedLines > 0 { return }
            let totals = [
                (users.withNoun("user", "users"), users, progress.users),
                (chats.withNoun("chat", "chats"), chats, progress.chats),
                (entries.withNoun("entry", "entries"), entries, progress.entries),
                (readMarkers.withNoun("read marker", "read markers"), readMarkers, progress.readMarkers),
            ]
            for (total, expected, found) in totals where found != expected {
                throw ArchiveError("the last line counts \(total), but the archive has \(found)")
            }
        }
    }

    private mutating func add(_ user: User) throws(ArchiveError) {
        guard chat == nil else { throw ArchiveError("user \(user.id.value) comes after a chat") }
        if let lastUserID, user.id.value <= lastUserID.value {
            throw ArchiveError("user \(user.id.value) comes after user \(lastUserID.value)")
        }
        lastUserID = user.id
        batch.append(user)
        progress.users += 1
    }

    private mutating func add(_ next: ArchivedChat) throws(ArchiveError) {
        skipsLog = true
        guard next.id.rawValue > lastChatID.rawValue else {
            throw ArchiveError("chat \(next.id.rawValue) comes after chat \(lastChatID.rawValue)")
        }
        skipsLog = false
        chat = (next, lineNumber)
        lastChatID = next.id
        lastPosition = Position(rawValue: 0)
        lastInstant = nil
        hasReadMarkers = false
        batch.append(next, line: lineNumber)
        progress.chats += 1
    }

    private mutating func add(_ entry: ArchivedEntry) throws(ArchiveError) {
        guard let chat, chat.archived.id == entry.chatID else {
            throw ArchiveError("an entry of chat \(entry.chatID.rawValue) does not follow that chat")
        }
        if hasReadMarkers {
            skipsLog = true
            throw ArchiveError("an entry of chat \(entry.chatID.rawValue) comes after the chat's read markers")
        }
        guard entry.position.rawValue == lastPosition.rawValue + 1 else {
            skipsLog = entry.position > lastPosition
            throw ArchiveError("position \(entry.position.rawValue) comes after \(lastPosition.rawValue)")
        }
        if let lastInstant, entry.instant < lastInstant {
            skipsLog = true
            throw ArchiveError("the timestamp is earlier than the previous one")
        }
        resume(chat)
        batch.append(entry, line: lineNumber)
        lastPosition = entry.position
        lastInstant = entry.instant
        progress.entries += 1
    }

    private mutating func add(_ marker: ReadMarker) throws(ArchiveError) {
        guard let chat, chat.archived.id == marker.member.chatID else {
            throw ArchiveError("a read marker of chat \(marker.member.chatID.rawValue) does not follow that chat")
        }
        resume(chat)
        hasReadMarkers = true
        batch.append(marker)
        progress.readMarkers += 1
    }

    /// Starts a batch with the chat that the one before has begun.
    private mutating func resume(_ chat: (archived: ArchivedChat, line: Int)) {
        if batch.isEmpty {
            batch.append(chat.archived, line: chat.line)
        }
    }
}
