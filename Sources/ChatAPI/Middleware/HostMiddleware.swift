import HTTPTypes
import Hummingbird

/// Rejects a request that does not say which host it is for (RFC 9112, section 3.2), or names one that is not served.
struct HostMiddleware<Context: RequestContext>: RouterMiddleware {
    let policy: HostPolicy

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard !request.headers.contains(.furtherHost), let host = request.head.authority.flatMap(Authority.init) else {
            throw APIError.invalidHost
        }
        // Health checks use an address, and learn nothing that a page must not know.
        guard request.uri.path.hasPrefix("/health/") || policy.allows(host) else {
            throw APIError.hostNotAllowed
        }
        return try await next(request, context)
    }
}

extension APIError {
    fileprivate static let invalidHost = APIError(
        status: .badRequest,
        code: "invalid_host",
        detail: "A request must have one valid Host header"
    )
    fileprivate static let hostNotAllowed = APIError(
        status: .misdirectedRequest,
        code: "host_not_allowed",
        detail: "This server does not serve the host that the request is for"
    )
}
