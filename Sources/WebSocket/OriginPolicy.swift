package import HTTPTypes

/// Which web pages may open a WebSocket.
///
/// Browsers let any page open one to any server, with the user's cookies, and name the page's origin (RFC 6454).
/// Clients that name none are no browsers, and none of this concerns them.
package enum OriginPolicy: Hashable, Sendable {
    case any
    /// Pages that came from the host and port that the request is for.
    case sameHost
    /// Origins as browsers write them: `https://app.example`, in lower case, without a closing slash or a default port.
    case oneOf(Set<String>)

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
