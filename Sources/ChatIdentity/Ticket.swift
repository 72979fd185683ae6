package import ChatDomain
import FoundationEssentials

/// A credential for one path, in a URL: the `EventSource` and the `WebSocket` of a browser cannot send headers.
///
/// The text contains everything but the path, so that no server needs to store tickets.
package struct Ticket: Hashable, Sendable {
    /// The longest time until a ticket ends.
    package static let maximumLifetime = Duration.seconds(60 * 60)

    /// The parts of the text before its signature, as JSON.
    struct Content: Codable {
        /// In microseconds since 1970, like `iat`.
        var exp: Int64
        /// The user in whose name requests are made.
        var sub: String?
        /// The id of the server key that the ticket was made with; a ticket made with a token has the members below.
        var key: String?
        /// The id of the key that signed the token.
        var tokenKey: String?
        var iat: Int64?
        var role: String?
        var grants: [String: String]?
    }

    /// `CONTENT.SIGNATURE`, safe in a URL; a token has three parts.
    package let text: String
    package let expiresAt: Instant

    init(_ content: Content, for path: String, _ secret: TicketSecret) throws {
        let encoded = try JSONEncoder().encode(content).base64URLEncoded
        text = "\(encoded).\(secret.code(for: "\(encoded).\(path)").base64URLEncoded)"
        expiresAt = Instant(microsecondsSinceEpoch: content.exp)
    }

    /// Returns the content of a ticket; nil if it was not signed with this secret for this path.
    static func content(of text: String, for path: String, _ secret: TicketSecret) -> Content? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let code = Data(base64URLEncoded: parts[1]),
            secret.isValid(code, for: "\(parts[0]).\(path)"),
            let json = Data(base64URLEncoded: parts[0])
        else { return nil }
        return try? JSONDecoder().decode(Content.self, from: json)
    }
}
