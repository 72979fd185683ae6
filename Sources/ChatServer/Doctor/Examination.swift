import Logging
import Synchronization

/// Runs checks one after the other, and prints a line for each finding.
struct Examination {
    private(set) var errors = 0
    private(set) var warnings = 0

    /// Runs one check, which logs and throws as `serve` does.
    ///
    /// Each error and each warning becomes a line. If there are none, the line says `ok`.
    ///
    /// - Parameter body: Returns what is well; nil for nothing to report. An invalid setting makes it say nothing: the
    ///   check of the settings reports it.
    mutating func check(_ subject: String, _ body: (Logger) async throws -> String?) async {
        let findings = Findings()
        let logger = Logger(label: subject) { _ in FindingsHandler(findings: findings) }
        do {
            let summary = try await body(logger)
            if findings.isEmpty, let summary { report("ok", subject, summary) }
        } catch is SettingError {
        } catch {
            logger.error("\(CommandError(database: error))")
        }
        for (level, text) in findings.lines {
            report(level >= .error ? "error" : "warning", subject, text)
            if level >= .error { errors += 1 } else { warnings += 1 }
        }
    }

    private func report(_ status: String, _ subject: String, _ text: String) {
        print(status.padded(to: 7), subject.padded(to: 13), text, separator: "  ")
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(width - count, 0))
    }
}

/// What one check has logged.
private final class Findings: Sendable {
    private let state = Mutex<[(level: Logger.Level, text: String)]>([])

    var lines: [(level: Logger.Level, text: String)] {
        state.withLock { $0 }
    }

    var isEmpty: Bool {
        lines.isEmpty
    }

    func add(_ level: Logger.Level, _ text: String) {
        state.withLock { $0.append((level, text)) }
    }
}

/// Keeps warnings and errors, each with its metadata.
private struct FindingsHandler: LogHandler {
    let findings: Findings
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel = Logger.Level.warning

    init(findings: Findings) {
        self.findings = findings
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
        let suffix = fields.isEmpty ? "" : " (\(fields.joined(separator: ", ")))"
        findings.add(event.level, "\(event.message)\(suffix)")
    }
}
