package import HTTPTypes

/// The web pages whose requests are allowed.
///
/// A browser lets any page open a WebSocket to any server, with the user's cookies, and sends the page's origin in
/// `Origin` (RFC 6454). Clients that send no `Origin` are not browsers and are always allowed.
package enum OriginPolicy: Hashable, Sendable {
    case any
    /// Pages whose host and port are the request's own.
    case sameHost
    /// Pages from these origins, written as in `https://app.example`: lowercase, with no trailing slash or default
    /// port.
    case oneOf(Set<String>)

    /// Whether the request's `Origin` is allowed; false if there is more than one.
    package func allows(_ request: HTTPRequest) -> Bool {
        let origins = request.headerFields[values: .origin]
        guard self != .any, !origins.isEmpty else { return true }
        guard origins.count == 1, let origin = origins.first?.lowercased() else { return false }
        return switch self {
        case .any: true
        case .sameHost: Self.isOrigin(origin, of: request.authority)
        case .oneOf(let allowed): allowed.contains(origin)
        }
    }

    private static func isOrigin(_ origin: String, of authority: String?) -> Bool {
        guard let authority = authority?.lowercased() else { return false }
        return [("http://", ":80"), ("https://", ":443")].contains { scheme, port in
            guard origin.hasPrefix(scheme) else { return false }
            let host = origin.dropFirst(scheme.count)
            return host == authority || host + port == authority
        }
    }
}
