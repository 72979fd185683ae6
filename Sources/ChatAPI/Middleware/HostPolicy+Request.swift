import HTTPTypes
import Hummingbird

extension HostPolicy {
    /// Rejects a request without exactly one valid host (RFC 9112, section 3.2), and one for a host that is not served.
    func requireHost(of request: Request, in routes: RouteTable) throws(APIError) {
        guard !request.headers.contains(.furtherHost), let host = request.head.authority.flatMap(Authority.init) else {
            throw .invalidHost
        }
        // Health checks use an IP address, and reveal nothing that a foreign page must not know.
        guard allows(host) || routes.isHealthCheck(request.uri.path) else { throw .hostNotAllowed }
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
        detail: "This server does not serve the requested host"
    )
}
