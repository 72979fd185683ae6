import HTTPTypes
import Hummingbird
import WebSocket

/// The cookie that carries a user's token, for pages of the service's own origin.
struct SessionCookie {
    /// The most that browsers keep of a cookie's name and value together, in bytes.
    static let maximumLength = 4096

    private let isSecure: Bool

    /// - Parameters:
    ///   - host: The host of the request; on a loopback host, browsers may not keep cookies for HTTPS only.
    ///   - isEncrypted: Whether the connection itself is encrypted; behind a proxy, it is not.
    init(for host: Authority?, isEncrypted: Bool) {
        isSecure = isEncrypted || host?.isLoopback != true
    }

    /// Only the host itself can set a cookie with the prefix `__Host-`, and only over HTTPS.
    var name: String {
        isSecure ? "__Host-chat" : "chat"
    }

    /// The value of `Set-Cookie`; an empty token removes the cookie.
    ///
    /// - Parameter lifetime: In whole seconds.
    func field(token: String, lifetime: Int64) -> String {
        "\(name)=\(token); Max-Age=\(lifetime); Path=/; HttpOnly; SameSite=Strict\(isSecure ? "; Secure" : "")"
    }

    /// The tokens in cookies of this name.
    ///
    /// There can be several, and some that are no token, which are left out: another program on the same loopback host
    /// may have a cookie of this name.
    func tokens(in request: Request) -> [String] {
        let prefix = Array("\(name)=".utf8)
        var tokens: [String] = []
        for field in request.headers[values: .cookie] {
            for pair in field.utf8.split(separator: UInt8(ascii: ";")) {
                let pair = pair.drop { $0 == UInt8(ascii: " ") }
                guard pair.starts(with: prefix) else { continue }
                let value = pair.dropFirst(prefix.count)
                if value.count(where: { $0 == UInt8(ascii: ".") }) == 2 { tokens.append(String(Substring(value))) }
            }
        }
        return tokens
    }

    /// Rejects a request that a page of another origin may have caused: browsers add the cookie on their own.
    func requireSameOrigin(_ request: HTTPRequest) throws(APIError) {
        guard let origin = request.headerFields[.origin], OriginPolicy.sameHost.allows(request),
            !isSecure || origin.lowercased().hasPrefix("https://")
        else { throw .sessionOriginNotAllowed }
    }
}

extension Request {
    var sessionCookie: SessionCookie {
        SessionCookie(for: head.authority.flatMap(Authority.init), isEncrypted: head.scheme == "https")
    }
}

extension APIError {
    static let sessionOriginNotAllowed = APIError(
        status: .forbidden,
        code: "origin_not_allowed",
        detail: "With a session cookie, this request needs the Origin of a page of this host"
    )
}
