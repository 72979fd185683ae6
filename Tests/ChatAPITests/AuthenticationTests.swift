import ChatAPI
import ChatDomain
import ChatIdentity
import ChatLive
import ChatPages
import ChatSQLite
import ChatTestSupport
import HTTPConnections
import Hummingbird
import Testing

/// The credential of a request: where it may be, and how a request without a valid one is rejected.
@Suite(.timeLimit(.minutes(5)))
struct AuthenticationTests {
    private static let missing = #"{"detail":"The request has no credential.","code":"token_missing"}"#
    private static let notBearer = """
        {"detail":"Authorization must be the word Bearer, a space and a token or server key.","code":"token_invalid"}
        """

    private func withRequired(
        _ mode: Authenticator.Mode = .required,
        limits: HTTPLimits = HTTPLimits(),
        log: LogCapture? = nil,
        _ body: (HTTPTestClient, TestCredentials, SQLiteStore) async throws -> Void
    ) async throws {
        let credentials = try await TestCredentials()
        try await withSQLite(.memory) { store in
            let authenticator = credentials.authenticator(mode, store)
            try await withServer(store, authenticator: authenticator, limits: limits, log: log) { client in
                try await body(client, credentials, store)
            }
        }
    }

    /// A WebSocket can send its credential as the first message.
    @Test
    func `every route needs a credential except WebSockets, health checks, pages, documentation and ending a session`()
        async throws
    {
        let open =
            [
                "GET /ws", "GET /docs", "GET /docs/assets/{file}", "GET /docs/swagger-initializer.js",
                "GET /health/live", "GET /health/ready", "GET /openapi.json", "GET /redoc", "DELETE /session",
            ] + PageFile.all.map { "GET \($0.path)" }
        try await withRequired { client, _, store in
            // The pages need none; the access matrix has them all.
            let service = ChatService(store: store, documentationAssets: "", servesPages: false)
            let routes = Router(await service.routes(hub: EventHub(store)), service.authenticator).routes
            #expect(routes.count > 20)
            for route in routes {
                let path = "\(route.path)".replacing(/\{[a-z_]+\}/, with: "1")
                let response = try await client.send(route.method.rawValue, path)
                guard !open.contains("\(route.method.rawValue) \(route.path)") else {
                    #expect(response.status != 401, "\(route.method.rawValue) \(path)")
                    continue
                }
                #expect(response.status == 401, "\(route.method.rawValue) \(path)")
                #expect(response.text == Self.missing)
                #expect(response.headers["www-authenticate"] == "Bearer")
            }
        }
    }

    @Test func `an invalid request without a credential gets 401 and no other error`() async throws {
        try await withRequired { client, _, _ in
            for (method, path, body) in [
                ("POST", "/chats", "{"), ("POST", "/chats/x/messages", "[]"), ("GET", "/chats/x?limit=0", nil),
                ("GET", "/events?unknown=1", nil), ("GET", "/chats?q=%zz", nil), ("GET", "/chats/%zz", nil),
                ("POST", "/tickets", #"{"path":"/"}"#),
            ] {
                let response = try await client.send(method, path, body: body)
                #expect(response.status == 401, "\(method) \(path)")
                #expect(response.text == Self.missing)
            }
            let head = try await client.send("HEAD", "/chats/1")
            #expect(head.status == 401)
            #expect(head.body.isEmpty)
        }
    }

    @Test func `only with a credential, an unknown path is not found and a wrong method not allowed`() async throws {
        try await withRequired { client, credentials, _ in
            for (method, path, status) in [
                ("GET", "/nowhere", 404), ("GET", "/nowhere%zz", 422), ("PUT", "/chats/1", 405),
            ] {
                #expect(try await client.send(method, path).text == Self.missing)
                let response = try await client.send(method, path, headers: credentials.keyHeader)
                #expect(response.status == status, "\(method) \(path)")
                #expect(response.headers["allow"] == (status == 405 ? "GET, HEAD, DELETE, PATCH" : nil))
            }
        }
    }

    @Test(arguments: [
        "", "Bearer", "bearer ", "Basic YTpi", "Bearer a b", "Digest username=\"a\"", "Bearer\ta", "a.b.c", "null",
    ])
    func `an Authorization header that is not a bearer credential gets 401`(_ field: String) async throws {
        try await withRequired { client, _, _ in
            let response = try await client.send("GET", "/chats", headers: ["Authorization": field])
            #expect(response.status == 401)
            #expect(response.text == Self.notBearer)
            #expect(response.headers["www-authenticate"] == #"Bearer error="invalid_token""#)
        }
    }

    @Test(arguments: ["Bearer", "bearer ", "Bearer a b", "Bearer\ta"])
    func `a malformed bearer credential gets 401 in open mode too`(_ field: String) async throws {
        try await withRequired(.open) { client, _, _ in
            let response = try await client.send("GET", "/chats", headers: ["Authorization": field])
            #expect(response.status == 401)
            #expect(response.text == Self.notBearer)
        }
    }

    /// A proxy may check passwords and forward them.
    @Test(arguments: ["", "Basic YTpi", "Digest username=\"a\"", "Bearers a", "a.b.c", "null"])
    func `in open mode, other schemes are ignored`(_ field: String) async throws {
        try await withRequired(.open) { client, credentials, _ in
            let headers = ["Authorization": field]
            #expect(try await client.send("POST", "/chats", headers: headers, body: #"{"title":"a"}"#).status == 201)
            let me = try await client.send("GET", "/me", headers: headers)
            #expect(me.text == #"{"user":null,"role":"admin","scope":null,"expires_at":null}"#)
            let cookie = try await "chat=\(credentials.token(for: "ada"))"
            let session = headers.merging(["Cookie": cookie, "Host": "localhost", "Origin": "http://localhost"]) { $1 }
            #expect(try await client.send("GET", "/me", headers: session).json["user"]?["id"] == "ada")
            #expect(try await client.send("POST", "/session", headers: session).text == Self.missing)
        }
    }

    @Test func `a request with several Authorization headers gets 401`() async throws {
        for mode in [Authenticator.Mode.required, .open] {
            try await withRequired(mode) { client, credentials, _ in
                let valid = "Authorization: Bearer \(credentials.key.text)\r\n"
                for fields in [valid + valid, valid + "Authorization: \r\n", "authorization: Basic YTpi\r\n" + valid] {
                    let request = "GET /chats HTTP/1.1\r\nHost: a\r\n\(fields)Connection: close\r\n\r\n"
                    let response = try HTTPTestResponse(await client.exchange(Array(request.utf8)))
                    #expect(response.status == 401)
                    #expect(response.text == Self.notBearer)
                }
            }
        }
    }

    @Test func `the scheme is case-insensitive and may be followed by several spaces`() async throws {
        try await withRequired { client, credentials, _ async throws in
            for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
                let headers = ["Authorization": "\(scheme) \(credentials.key.text)"]
                #expect(try await client.send("GET", "/chats", headers: headers).status == 200, "\(scheme)")
            }
        }
    }

    @Test func `a credential of 100 kB is rejected by the limit for headers, or unread`() async throws {
        let long = String(repeating: "a", count: 100_000)
        try await withRequired { client, _, _ in
            let response = try await client.send("GET", "/chats", headers: ["Authorization": "Bearer \(long)"])
            #expect(response.status == 431)
        }
        var limits = HTTPLimits()
        limits.maximumHeaderBytes = 1 << 20
        try await withRequired(limits: limits) { client, _, _ in
            for credential in [long, "\(long).\(long).\(long)", "sk_\(long)", "sk_a_\(long)"] {
                let headers = ["Authorization": "Bearer \(credential)"]
                let response = try await client.send("GET", "/chats", headers: headers)
                #expect(response.status == 401)
                #expect(try response.json["code"] == "token_invalid")
            }
        }
    }

    @Test func `a server key that is unknown or malformed gets 401`() async throws {
        try await withRequired { client, credentials, _ in
            let otherSecret = ServerKey().text.split(separator: "_")[2]
            for key in ["sk_", "sk_a_b", "sk_\(credentials.key.id)_\(otherSecret)", "\(credentials.key.text)x"] {
                let response = try await client.send("GET", "/chats", headers: ["Authorization": "Bearer \(key)"])
                #expect(response.status == 401, "\(key)")
                #expect(try response.json["code"] == "token_invalid")
            }
        }
    }

    @Test func `a request without a credential cannot act as a user`() async throws {
        let headers = ["Act-As": "ada"]
        try await withRequired { client, _, _ async throws in
            #expect(try await client.send("GET", "/chats", headers: headers).text == Self.missing)
        }
        try await withRequired(.open) { client, _, _ in
            let response = try await client.send("GET", "/chats", headers: headers)
            #expect(response.status == 403)
            #expect(try response.json["code"] == "act_as_not_allowed")
        }
    }
}
