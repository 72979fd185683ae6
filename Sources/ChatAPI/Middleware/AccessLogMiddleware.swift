import HTTPTypes
import Hummingbird
import Logging

/// Writes one line a request when its answer is ready: who asked for what, how it ended, how long it took.
struct AccessLogMiddleware: RouterMiddleware {
    func handle(
        _ request: Request,
        context: ChatRequestContext,
        next: (Request, ChatRequestContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let response = try await next(request, context)
        // An orchestrator asks for its health every few seconds.
        let level: Logger.Level = request.uri.path.hasPrefix("/health/") ? .debug : .info
        guard context.logger.logLevel <= level else { return response }
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
        return response
    }
}

extension Duration {
    /// With three digits.
    var inMilliseconds: Double {
        let microseconds = components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
        return Double(microseconds) / 1_000
    }
}
