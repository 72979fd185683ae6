import ChatDomain

/// The lines of an archive to import together, with their line numbers.
struct ImportBatch {
    private(set) var users: [User] = []
    private(set) var stretches: [ArchivedStretch] = []
    /// For each stretch, the line number of its chat and those of its entries; read markers cause no conflicts.
    private var lines: [(chat: Int, entries: [Int])] = []

    /// Whether the batch has no chats.
    var isEmpty: Bool {
        stretches.isEmpty
    }

    mutating func append(_ user: User) {
        users.append(user)
    }

    mutating func append(_ chat: ArchivedChat, line: Int) {
        stretches.append(ArchivedStretch(chat: chat))
        lines.append((line, []))
    }

    /// Appends an entry to the log of the last chat.
    ///
    /// - Precondition: The batch is not empty.
    mutating func append(_ entry: ArchivedEntry, line: Int) {
        stretches[stretches.count - 1].entries.append(entry)
        lines[lines.count - 1].entries.append(line)
    }

    /// Appends a read marker to those of the last chat.
    ///
    /// - Precondition: The batch is not empty.
    mutating func append(_ marker: ReadMarker) {
        stretches[stretches.count - 1].readMarkers.append(marker)
    }

    /// Sets the end of each log that is complete in the batch.
    ///
    /// - Parameter lastIsWhole: Whether the log of the last chat is complete as well.
    mutating func setEnds(lastIsWhole: Bool) {
        for index in stretches.indices where lastIsWhole || index < stretches.count - 1 {
            let end = stretches[index].entries.last?.position ?? Position(rawValue: 0)
            stretches[index].chat.head.chat.lastPosition = end
        }
    }

    /// Translates a conflict into the line that caused it and the number of lines it affects.
    func problem(_ conflict: ImportConflict) -> ImportProblem {
        guard let index = stretches.firstIndex(where: { $0.chat.id == conflict.chatID }) else {
            return ImportProblem(line: 0, reason: conflict.reason)
        }
        let (chat, entries) = lines[index]
        let stretch = stretches[index]
        let first = conflict.position.flatMap { position in
            stretch.entries.firstIndex { $0.position == position }
        }
        return ImportProblem(
            line: first.map { entries[$0] } ?? chat,
            reason: conflict.reason,
            chats: first == nil ? 1 : 0,
            entries: entries.count - (first ?? 0),
            readMarkers: stretch.readMarkers.count
        )
    }
}

/// A line of an archive that cannot be imported.
struct ImportProblem: Error {
    let line: Int
    let reason: String
    /// The chats, entries and read markers that are not imported because of the problem.
    var chats = 0
    var entries = 0
    var readMarkers = 0

    var error: ArchiveError {
        ArchiveError("line \(line): \(reason)")
    }
}
