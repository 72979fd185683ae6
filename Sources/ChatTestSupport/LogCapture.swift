package import Logging
import Synchronization

/// Keeps every line that a server under test logs, at every level.
package final class LogCapture: Sendable {
    /// A line without its time.
    package struct Line: Sendable {
        package let message: String
        package let metadata: [String: String]
    }

    private let captured = Mutex<[Line]>([])

    package init() {}

    package var lines: [Line] {
        captured.withLock(\.self)
    }

    /// A logger whose lines are kept here.
    package var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(capture: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let capture: LogCapture
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
            capture.captured.withLock { $0.append(Line(message: "\(event.message)", metadata: metadata)) }
        }
    }
}
