import HTTPTypes
import Hummingbird
import Logging

/// The line that the access log has for a request: who asked for what, how it ended, how long it took.
struct AccessLogEntry {
    private let level: Logger.Level
    private let start = ContinuousClock.now

    /// Nil where the logger would drop the line.
    init?(for request: Request, logger: Logger) {
        guard logger.logLevel <= .info else { return nil }
        // An orchestrator asks for its health every few seconds.
        level = request.uri.path.hasPrefix("/health/") ? .debug : .info
        guard logger.logLevel <= level else { return nil }
    }

    /// Writes the line, now that the response is ready.
    func write(_ request: Request, context: ChatRequestContext, response: Response) {
        context.logger.log(
            level: level,
            "Request",
            metadata: [
                "address": "\(context.address)",
                "method": "\(request.method.rawValue)",
                // The pattern and not the path, so that lines can be grouped.
                "route": "\(context.endpointPath ?? "-")",
                "path": "\(request.uri.path)",
                "status": .stringConvertible(response.status.code),
                "duration_ms": .stringConvertible(start.duration(to: .now).inMilliseconds),
            ]
        )
    }
}

extension Duration {
    /// With three digits.
    var inMilliseconds: Double {
        let microseconds = components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
        return Double(microseconds) / 1_000
    }
}
