import HTTPTypes
import Hummingbird
import Logging

/// Writes one line a request when its answer is ready: what was asked, how it ended, how long it took.
struct AccessLogMiddleware<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        let response = try await next(request, context)
        guard context.logger.logLevel <= .info else { return response }
        let duration = start.duration(to: .now)
        context.logger.info(
            "Request",
            metadata: [
                "method": "\(request.method.rawValue)",
                // The pattern and not the path, so that lines can be grouped.
                "route": "\(context.endpointPath ?? "-")",
                "path": "\(request.uri.path)",
                "status": "\(response.status.code)",
                "duration_ms": "\(duration.inMilliseconds)",
            ]
        )
        return response
    }
}

extension Duration {
    /// With three digits.
    fileprivate var inMilliseconds: Double {
        let microseconds = components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
        return Double(microseconds) / 1_000
    }
}
