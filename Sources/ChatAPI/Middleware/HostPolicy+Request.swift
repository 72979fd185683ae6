import HTTPTypes
import Hummingbird

extension HostPolicy {
    /// Rejects a request that does not say which host it is for (RFC 9112, section 3.2), or names one that is not served.
    func requireHost(of request: Request) throws(APIError) {
        guard !request.headers.contains(.furtherHost), let host = request.head.authority.flatMap(Authority.init) else {
            throw .invalidHost
        }
        // Health checks use an address, and learn nothing that a page must not know.
        guard allows(host) || request.uri.path.hasPrefix("/health/") else { throw .hostNotAllowed }
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
