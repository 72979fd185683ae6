import HTTPTypes
import Testing
import WebSocket

@Suite struct HandshakeTests {
    /// The request of RFC 6455, section 1.3, with some fields replaced.
    private func request(
        _ method: HTTPRequest.Method = .get,
        _ others: [HTTPField.Name: String?] = [:]
    ) -> HTTPRequest {
        var request = HTTPRequest(method: method, scheme: "http", authority: "server.example.com", path: "/chat")
        request.headerFields = [
            .upgrade: "websocket", .connection: "Upgrade", .secWebSocketKey: "dGhlIHNhbXBsZSBub25jZQ==",
            .secWebSocketVersion: "13",
        ]
        for (name, value) in others {
            request.headerFields[name] = value
        }
        return request
    }

    @Test func `the example in the standard is accepted`() throws {
        let handshake = try WebSocketHandshake(request())
        #expect(
            handshake.responseFields == [
                .upgrade: "websocket", .connection: "upgrade", .secWebSocketAccept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            ]
        )
    }

    @Test(
        arguments: [
            [.connection: "keep-alive, UPGRADE"], [.connection: "upgrade,close"], [.upgrade: "h2c ,\tWebSocket"],
            [.contentLength: "0"],
        ] as [[HTTPField.Name: String?]]
    )
    func `header fields with lists are parsed as lists`(_ fields: [HTTPField.Name: String?]) throws {
        _ = try WebSocketHandshake(request(.get, fields))
    }

    @Test func `a list may be spread over several fields`() throws {
        var spread = request()
        spread.headerFields[.connection] = nil
        spread.headerFields.append(HTTPField(name: .connection, value: "keep-alive"))
        spread.headerFields.append(HTTPField(name: .connection, value: "Upgrade"))
        _ = try WebSocketHandshake(spread)
    }

    @Test(
        arguments: [
            ([.upgrade: nil], .upgradeRequired), ([.upgrade: "h2c"], .upgradeRequired),
            ([.upgrade: "websocket/2"], .upgradeRequired), ([.upgrade: "web socket"], .upgradeRequired),
            ([.connection: nil], .upgradeRequired), ([.connection: "close"], .upgradeRequired),
            ([.connection: "upgraded"], .upgradeRequired), ([.secWebSocketVersion: nil], .unsupportedVersion),
            ([.secWebSocketVersion: "8"], .unsupportedVersion), ([.secWebSocketVersion: "13, 8"], .unsupportedVersion),
            ([.secWebSocketKey: nil], .invalidKey), ([.secWebSocketKey: ""], .invalidKey),
            ([.secWebSocketKey: "dGhlIHNhbXBsZSBub25jZQ="], .invalidKey),
            ([.secWebSocketKey: "dGhlIHNhbXBsZSBub25jZQ"], .invalidKey),
            ([.secWebSocketKey: "dGhlIHNhbXBsZSBub25j-Q=="], .invalidKey),
            ([.secWebSocketKey: "dGhlIHNhbXBsZSBub25jZQAA"], .invalidKey), ([.contentLength: "5"], .hasBody),
            ([.transferEncoding: "chunked"], .hasBody),
        ] as [([HTTPField.Name: String?], WebSocketHandshakeError)]
    )
    func `an incomplete or invalid handshake is rejected`(
        _ fields: [HTTPField.Name: String?],
        _ error: WebSocketHandshakeError
    ) {
        #expect(throws: error) { try WebSocketHandshake(request(.get, fields)) }
    }

    @Test func `two keys are rejected`() {
        var twice = request()
        twice.headerFields.append(HTTPField(name: .secWebSocketKey, value: "dGhlIHNhbXBsZSBub25jZQ=="))
        #expect(throws: WebSocketHandshakeError.invalidKey) { try WebSocketHandshake(twice) }
    }

    @Test func `only GET opens a WebSocket`() {
        #expect(throws: WebSocketHandshakeError.methodNotAllowed) { try WebSocketHandshake(request(.post)) }
    }

    @Test func `a rejection says what would be accepted`() {
        for error in WebSocketHandshakeError.allCases {
            #expect(!error.reason.isEmpty)
            if error.status == .upgradeRequired {
                #expect(
                    error.responseFields == [
                        .upgrade: "websocket", .connection: "upgrade", .secWebSocketVersion: "13",
                    ]
                )
            } else {
                #expect(error.status == .badRequest)
                #expect(error.responseFields == [:])
            }
        }
    }

    @Test(
        arguments: [
            (.any, "https://evil.example", "chat.example", true), (.any, "null", "chat.example", true),
            (.sameHost, nil, "chat.example", true), (.sameHost, "https://chat.example", "chat.example", true),
            (.sameHost, "HTTPS://Chat.Example", "chat.example", true),
            (.sameHost, "http://chat.example:8000", "chat.example:8000", true),
            (.sameHost, "http://chat.example", "chat.example:80", true),
            (.sameHost, "https://chat.example", "chat.example:443", true),
            (.sameHost, "http://[::1]:8000", "[::1]:8000", true),
            (.sameHost, "http://chat.example", "chat.example:443", false),
            (.sameHost, "http://chat.example:8001", "chat.example:8000", false),
            (.sameHost, "https://evil.example", "chat.example", false),
            (.sameHost, "https://chat.example.evil.example", "chat.example", false),
            (.sameHost, "null", "chat.example", false), (.sameHost, "file://chat.example", "chat.example", false),
            (.sameHost, "https://chat.example", nil, false), (.sameHost, "", "", false),
            (.oneOf(["https://app.example"]), nil, "chat.example", true),
            (.oneOf(["https://app.example"]), "https://app.example", "chat.example", true),
            (.oneOf(["https://app.example"]), "https://App.Example", "chat.example", true),
            (.oneOf(["https://app.example"]), "http://app.example", "chat.example", false),
            (.oneOf(["https://app.example"]), "https://chat.example", "chat.example", false),
            (.oneOf([]), "null", "chat.example", false),
        ] as [(OriginPolicy, String?, String?, Bool)]
    )
    func `pages of other origins are kept out`(
        _ policy: OriginPolicy,
        _ origin: String?,
        _ host: String?,
        _ isAllowed: Bool
    ) {
        var request = request(.get, [.origin: origin])
        request.authority = host
        #expect(policy.allows(request) == isAllowed)
    }

    @Test func `two origins are rejected`() {
        var request = request(.get, [.origin: "https://server.example.com"])
        request.headerFields.append(HTTPField(name: .origin, value: "https://server.example.com"))
        #expect(!OriginPolicy.sameHost.allows(request))
    }

    @Test(arguments: [
        ("", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ("abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        ("a", 1_000_000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
        (
            "0123456701234567012345670123456701234567012345670123456701234567", 10,
            "dea356a2cddd90c7a7ecedc5ebb563934f460452"
        ),
    ])
    func `SHA-1 digests equal those in the standard`(_ part: String, _ count: Int, _ digest: String) {
        let bytes = SHA1.digest(Array(String(repeating: part, count: count).utf8))
        #expect(bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() == digest)
    }
}
