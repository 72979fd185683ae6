package import HTTPTypes

/// A valid request to open a WebSocket (RFC 6455, section 4.2).
///
/// It negotiates no extensions and no subprotocols.
package struct WebSocketHandshake {
    /// The header fields of the 101 response.
    package let responseFields: HTTPFields

    /// Validates a request.
    package init(_ request: HTTPRequest) throws(WebSocketHandshakeError) {
        let fields = request.headerFields
        guard fields.hasToken("websocket", in: .upgrade), fields.hasToken("upgrade", in: .connection) else {
            throw .upgradeRequired
        }
        guard request.method == .get else { throw .methodNotAllowed }
        guard fields[values: .secWebSocketVersion] == ["13"] else { throw .unsupportedVersion }
        let keys = fields[values: .secWebSocketKey]
        guard keys.count == 1, let key = keys.first, Base64.isSixteenBytes(key) else { throw .invalidKey }
        // The end of a body could not be told from the first frame.
        guard fields[.transferEncoding] == nil, [nil, "0"].contains(fields[.contentLength]) else { throw .hasBody }
        responseFields = [
            .upgrade: "websocket",
            .connection: "upgrade",
            .secWebSocketAccept: Self.accept(key),
        ]
    }

    private static func accept(_ key: String) -> String {
        Base64.encode(SHA1.digest(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
    }
}

/// The reason why a request cannot open a WebSocket.
package enum WebSocketHandshakeError: Error, CaseIterable {
    /// The request does not ask for a WebSocket.
    case upgradeRequired
    case methodNotAllowed
    case unsupportedVersion
    case invalidKey
    case hasBody

    /// The status of the response.
    package var status: HTTPResponse.Status {
        switch self {
        case .upgradeRequired, .unsupportedVersion: .upgradeRequired
        case .methodNotAllowed, .invalidKey, .hasBody: .badRequest
        }
    }

    /// The header fields that the response must have.
    package var responseFields: HTTPFields {
        switch self {
        case .upgradeRequired, .unsupportedVersion:
            [.upgrade: "websocket", .connection: "upgrade", .secWebSocketVersion: "13"]
        case .methodNotAllowed, .invalidKey, .hasBody: [:]
        }
    }

    /// A human-readable reason.
    package var reason: String {
        switch self {
        case .upgradeRequired: "A WebSocket needs Connection: upgrade and Upgrade: websocket"
        case .methodNotAllowed: "Use GET to open a WebSocket"
        case .unsupportedVersion: "Sec-WebSocket-Version must be 13"
        case .invalidKey: "Sec-WebSocket-Key must be 16 bytes in Base64"
        case .hasBody: "A request to open a WebSocket must not have a body"
        }
    }
}

extension HTTPFields {
    /// Whether a list field contains this token, ignoring case.
    fileprivate func hasToken(_ token: String, in name: HTTPField.Name) -> Bool {
        self[values: name].contains { list in
            list.split(separator: ",").contains { element in
                element.split { $0 == " " || $0 == "\t" }.map { $0.lowercased() } == [token]
            }
        }
    }
}

/// The parts of Base64 (RFC 4648) that the handshake needs.
private enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for index in 0..<4 {
                text += index > group.count ? "=" : String(UnicodeScalar(alphabet[bits >> (18 - 6 * index) & 0x3F]))
            }
        }
        return text
    }

    static func isSixteenBytes(_ text: String) -> Bool {
        text.utf8.count == 24 && text.hasSuffix("==") && text.utf8.dropLast(2).allSatisfy(alphabet.contains)
    }
}
