package import ChatDomain

/// Reads an archive and writes its users and chats to a store, batch by batch.
///
/// Everything before an invalid line is imported. You can repeat an import from the start: it skips what already
/// exists.
package struct ChatImport {
    /// What an import does with invalid lines, and whether it writes at all.
    package struct Options: Sendable {
        /// Checks the whole archive and compares it with the store, without changing anything.
        package var isDryRun = false
        /// Continues after an invalid line, but skips the rest of the log of its chat.
        package var skipsInvalid = false

        package init(isDryRun: Bool = false, skipsInvalid: Bool = false) {
            self.isDryRun = isDryRun
            self.skipsInvalid = skipsInvalid
        }
    }

    /// The result of an import, or of a dry run.
    package struct Summary: Equatable, Sendable {
        /// Users, chats and entries that did not exist before.
        package var added = ImportCount()
        /// Lines that were rejected.
        package var invalidLines = 0
        /// Lines that were not imported: rejected lines and those that follow them in the same log.
        package var skippedLines = 0

        package init(added: ImportCount = ImportCount(), invalidLines: Int = 0, skippedLines: Int = 0) {
            self.added = added
            self.invalidLines = invalidLines
            self.skippedLines = skippedLines
        }
    }

    private let archive: any ChatArchive & IdentityStore
    private let options: Options

    /// - Parameter archive: The store to write to; a dry run only reads it.
    package init(_ archive: any ChatArchive & IdentityStore, options: Options = Options()) {
        self.archive = archive
        self.options = options
    }

    /// Imports the archive.
    ///
    /// - Parameters:
    ///   - read: Returns the next bytes; an empty array at the end.
    ///   - report: Called with the progress after each batch.
    ///   - complain: Called for each rejected line that does not end the import.
    /// - Throws: `ArchiveError` for an invalid archive or a conflict with the store, `StoreError`, and the errors of
    ///   the parameters.
    package func run(
        read: () async throws -> [UInt8],
        report: (ArchiveProgress) async throws -> Void,
        complain: (ArchiveError) async throws -> Void = { _ in }
    ) async throws -> Summary {
        var run = ImportRun(archive, options)
        var lines = LineSplitter(maximumLength: ArchiveLine.maximumLength)
        do {
            while case let piece = try await read(), !piece.isEmpty {
                lines.append(piece)
                while let line = lines.next() {
                    try run.add(line)
                    if run.state.batchIsFull {
                        try await run.importBatch(complain)
                        try await report(run.state.progress)
                    }
                }
            }
            guard lines.isAtLineStart, run.state.isComplete else {
                throw ArchiveError("the archive is truncated after line \(run.state.lineNumber)")
            }
        } catch let error as ArchiveError {
            try await run.importBatch(complain)
            throw error
        }
        try await run.importBatch(complain)
        try await report(run.state.progress)
        return run.summary
    }
}

/// The state of one import.
private struct ImportRun {
    private let archive: any ChatArchive & IdentityStore
    private let options: ChatImport.Options
    private(set) var state = ImportState()
    private var rehearsal = ImportRehearsal()
    /// Problems not reported yet.
    private var problems: [ImportProblem] = []
    private var added = ImportCount()
    private var invalidLines = 0

    init(_ archive: any ChatArchive & IdentityStore, _ options: ChatImport.Options) {
        self.archive = archive
        self.options = options
    }

    var summary: ChatImport.Summary {
        ChatImport.Summary(added: added, invalidLines: invalidLines, skippedLines: state.skippedLines)
    }

    private var goesOn: Bool {
        options.isDryRun || options.skipsInvalid
    }

    mutating func add(_ line: [UInt8]) throws(ArchiveError) {
        do throws(ImportProblem) {
            try state.add(line)
        } catch {
            guard goesOn, state.hasHeader else { throw error.error }
            problems.append(error)
        }
    }

    mutating func importBatch(_ complain: (ArchiveError) async throws -> Void) async throws {
        let batch = state.takeBatch()
        if !batch.users.isEmpty {
            added.users += try await importUsers(batch.users)
        }
        if !batch.isEmpty {
            let result = try await importStretches(batch.stretches)
            if let conflict = result.conflicts.first, !goesOn { throw batch.problem(conflict).error }
            for conflict in result.conflicts {
                let problem = batch.problem(conflict)
                state.skip(problem, of: conflict.chatID)
                problems.append(problem)
            }
            added.chats += result.added.chats
            added.entries += result.added.entries
        }
        invalidLines += problems.count
        for problem in problems.sorted(by: { $0.line < $1.line }) {
            try await complain(problem.error)
        }
        problems = []
    }

    /// Returns how many users are added, or would be by an import.
    private func importUsers(_ users: [User]) async throws -> Int64 {
        if options.isDryRun {
            Int64(users.count - (try await archive.users(withIDs: users.map(\.id)).count))
        } else {
            try await archive.importUsers(users)
        }
    }

    private mutating func importStretches(_ stretches: [ArchivedStretch]) async throws -> ImportResult {
        if options.isDryRun {
            rehearsal.add(stretches, to: try await archive.stored(of: stretches))
        } else {
            try await archive.importBatch(stretches, skipsConflicts: options.skipsInvalid)
        }
    }
}
