import ChatDomain
import ChatIdentity
import ChatSQLite
import ChatTestSupport
import Testing
import WebSocket

/// Requests from pages of other origins (CORS).
@Suite(.timeLimit(.minutes(5)))
struct CrossOriginTests {
    private static let page = "https://app.example"
    private static let preflight = [
        "Origin": page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization",
    ]

    private func withServer(_ origins: OriginPolicy, _ body: (HTTPTestClient) async throws -> Void) async throws {
        let credentials = try await TestCredentials()
        try await withSQLite(.memory) { store in
            let authenticator = credentials.authenticator(.required, store)
            try await ChatTestSupport.withServer(store, authenticator: authenticator, corsOrigins: origins, body)
        }
    }

    private func crossOriginFields(of response: HTTPTestResponse) -> [String: String] {
        response.headers.filter { $0.key.hasPrefix("access-control-") || $0.key == "vary" }
    }

    private static let shared = [
        "access-control-allow-origin": page, "access-control-allow-credentials": "true", "vary": "Origin",
        "access-control-expose-headers":
            "ETag, Retry-After, Idempotent-Replayed, X-Request-ID, RateLimit, RateLimit-Policy",
    ]

    @Test func `by default, no other origin is allowed and responses stay as they are`() async throws {
        try await withServer(.sameHost) { client in
            let response = try await client.send("GET", "/health/live", headers: ["Origin": Self.page])
            #expect(crossOriginFields(of: response).isEmpty)
            let preflight = try await client.send("OPTIONS", "/chats", headers: Self.preflight)
            #expect(preflight.status == 401)
            #expect(crossOriginFields(of: preflight).isEmpty)
        }
    }

    @Test func `a preflight from an allowed origin needs no credential`() async throws {
        try await withServer(.oneOf([Self.page])) { client in
            for path in ["/chats", "/chats/1/messages/2", "/nowhere"] {
                let response = try await client.send("OPTIONS", path, headers: Self.preflight)
                #expect(response.status == 204)
                let fields = [
                    "access-control-allow-methods": "HEAD, POST, GET, DELETE, PATCH, PUT",
                    "access-control-allow-headers": """
                    Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Act-As, \
                    X-Request-ID
                    """,
                    "access-control-max-age": "7200",
                ]
                #expect(crossOriginFields(of: response) == Self.shared.merging(fields) { $1 })
            }
            #expect(try await client.send("OPTIONS", "/chats", headers: ["Origin": Self.page]).status == 401)
        }
    }

    @Test func `every response to an allowed origin can be read by its page`() async throws {
        try await withServer(.oneOf(["https://www.example", Self.page])) { client in
            for (method, path, status) in [
                ("GET", "/health/live", 200), ("GET", "/chats", 401), ("GET", "/nowhere", 401), ("GET", "/docs", 200),
                ("DELETE", "/session", 204),
            ] {
                let response = try await client.send(method, path, headers: ["Origin": Self.page])
                #expect(response.status == status, "\(method) \(path)")
                #expect(crossOriginFields(of: response) == Self.shared)
            }
            // The connection itself sends this one.
            let headers = ["Origin": Self.page]
            let large = try await client.send(
                "POST",
                "/chats",
                headers: headers,
                body: String(repeating: " ", count: 600_000)
            )
            #expect(large.status == 413)
            #expect(crossOriginFields(of: large) == Self.shared)
        }
    }

    @Test func `streams, sockets and failures can be read too`() async throws {
        try await withSQLite(.memory) { store in
            try await ChatTestSupport.withServer(store, corsOrigins: .oneOf([Self.page])) { client in
                let headers = ["Origin": Self.page]
                let stream = try await client.withKeptConnection {
                    try await $0.send("GET", "/events", headers: headers)
                }
                #expect(stream.status == 200)
                #expect(crossOriginFields(of: stream) == Self.shared)
            }
        }
        let failing = InterceptedStore(failingWith: .unavailable(reason: "test"))
        try await ChatTestSupport.withServer(failing, corsOrigins: .oneOf([Self.page])) { client in
            let response = try await client.send("GET", "/chats", headers: ["Origin": Self.page])
            #expect(response.status == 503)
            #expect(crossOriginFields(of: response) == Self.shared)
        }
    }

    @Test(arguments: ["https://evil.example", "http://app.example", "https://app.example:8443", "null", ""])
    func `an origin that is not listed gets nothing`(_ origin: String) async throws {
        try await withServer(.oneOf([Self.page])) { client in
            let response = try await client.send("GET", "/health/live", headers: ["Origin": origin])
            #expect(crossOriginFields(of: response) == ["vary": "Origin"])
            let headers = Self.preflight.merging(["Origin": origin]) { $1 }
            let preflight = try await client.send("OPTIONS", "/chats", headers: headers)
            #expect(preflight.status == 401)
            #expect(crossOriginFields(of: preflight) == ["vary": "Origin"])
        }
    }

    @Test func `any origin can be allowed, without credentials of the browser`() async throws {
        try await withServer(.any) { client in
            let response = try await client.send("GET", "/health/live", headers: ["Origin": "https://evil.example"])
            var fields = Self.shared
            fields["access-control-allow-origin"] = "*"
            fields["access-control-allow-credentials"] = nil
            #expect(crossOriginFields(of: response) == fields)
            #expect(crossOriginFields(of: try await client.send("GET", "/health/live")) == ["vary": "Origin"])
        }
    }
}
