package import ChatDomain

/// Reads an archive and puts its chats into a store, batch by batch.
///
/// What stands before a line that is refused is imported all the same, and so an import can be run again from the start:
/// what is there already is passed over.
package struct ChatImport {
    private let archive: any ChatArchive

    package init(_ archive: any ChatArchive) {
        self.archive = archive
    }

    /// - Parameters:
    ///   - read: Returns the next bytes; none at the end.
    ///   - report: Told after each batch how far the archive has been imported.
    /// - Returns: How much of it was not there before.
    /// - Throws: `ArchiveError` for what is wrong with the archive or stands in its way, `StoreError`, and what the
    ///   parameters throw.
    package func run(
        read: () async throws -> [UInt8],
        report: (ArchiveProgress) async throws -> Void
    ) async throws -> ImportCount {
        var state = ImportState()
        var count = ImportCount()
        do {
            var line: [UInt8] = []
            while case let piece = try await read(), !piece.isEmpty {
                var rest = piece[...]
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    line += rest[..<end]
                    rest = rest[(end + 1)...]
                    try state.add(line)
                    line.removeAll(keepingCapacity: true)
                    if state.batchIsFull {
                        try await importBatch(&state, &count)
                        try await report(state.progress)
                    }
                }
                line += rest
                if line.count > ArchiveLine.maximumLength {
                    try state.add(line)
                }
            }
            guard line.isEmpty, state.isComplete else {
                throw ArchiveError("the archive is cut off behind line \(state.lineNumber)")
            }
        } catch let error as ArchiveError {
            try await importBatch(&state, &count)
            throw error
        }
        try await importBatch(&state, &count)
        try await report(state.progress)
        return count
    }

    private func importBatch(_ state: inout ImportState, _ count: inout ImportCount) async throws {
        let stretches = state.takeBatch()
        if stretches.isEmpty { return }
        switch try await archive.importBatch(stretches) {
        case .success(let batch):
            count.chats += batch.chats
            count.entries += batch.entries
        case .failure(let conflict): throw ArchiveError(conflict.reason)
        }
    }
}
