import ChatArchives
import Glibc
import SystemPackage

/// Shows a command's progress on standard error.
final class ProgressDisplay {
    let isTerminal = isatty(STDERR_FILENO) == 1
    private let stream = ByteStream(.standardError)
    private var meter: ProgressMeter

    init(_ verb: String) {
        meter = ProgressMeter(verb, isTerminal: isTerminal)
    }

    /// Runs `body`, and ends the progress bar's line if it throws.
    func run(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch {
            try await write(meter.interruption)
            throw error
        }
    }

    /// Updates the progress bar, or now and then writes a line if standard error is not a terminal.
    ///
    /// - Parameter total: The final value of `done`; nil if unknown.
    func show(_ progress: ArchiveProgress, _ done: Int64, of total: Int64?) async throws {
        let part = total.map { Double(done) / Double(max($0, 1)) }
        if let text = meter.text(progress, part: part) {
            try await write(text)
        }
    }

    /// Writes a line that the progress bar does not overwrite.
    func note(_ line: String) async throws {
        try await write(meter.interruption + line + "\n")
    }

    func finish(_ progress: ArchiveProgress, _ remark: String = "") async throws {
        try await write(meter.summary(progress, remark))
    }

    private func write(_ text: String) async throws {
        try await stream.write(Array(text.utf8))
    }
}
