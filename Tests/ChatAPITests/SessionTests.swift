import ChatDomain
import ChatIdentity
import ChatSQLite
import ChatTestSupport
import Testing

/// The session cookie, for pages of the service's own origin.
@Suite(.timeLimit(.minutes(5)))
struct SessionTests {
    private func withServer(
        _ mode: Authenticator.Mode = .required,
        _ body: (HTTPTestClient, TestCredentials) async throws -> Void
    ) async throws {
        let credentials = try await TestCredentials()
        try await withSQLite(.memory) { store in
            let authenticator = credentials.authenticator(mode, store)
            try await ChatTestSupport.withServer(store, authenticator: authenticator) { client in
                try await body(client, credentials)
            }
        }
    }

    @Test(arguments: [
        ("localhost:8000", "chat=TOKEN; Max-Age=N; Path=/; HttpOnly; SameSite=Strict"),
        ("chat.example", "__Host-chat=TOKEN; Max-Age=N; Path=/; HttpOnly; SameSite=Strict; Secure"),
    ])
    func `a token becomes a cookie that ends with it`(_ host: String, _ expected: String) async throws {
        try await withServer { client, credentials in
            let token = try await credentials.token(for: "ada")
            let headers = ["Authorization": "Bearer \(token)", "Host": host]
            let started = try await client.send("POST", "/session", headers: headers)
            #expect(started.status == 204)
            let field = try #require(started.headers["set-cookie"])
            let age = try #require(field.firstMatch(of: /Max-Age=(\d+)/).flatMap { Int($0.1) })
            #expect((500...600).contains(age))
            #expect(field.replacing(token, with: "TOKEN").replacing("=\(age);", with: "=N;") == expected)
            let cookie = ["Cookie": "theme=dark; \(field.prefix { $0 != ";" })", "Host": host]
            #expect(try await client.send("GET", "/chats", headers: cookie).status == 200)

            let origin = host == "chat.example" ? "https://\(host)" : "http://\(host)"
            let page = cookie.merging(["Origin": origin]) { $1 }
            let ended = try await client.send("DELETE", "/session", headers: page)
            #expect(ended.status == 204)
            let removed = expected.replacing("TOKEN", with: "").replacing("=N;", with: "=0;")
            #expect(ended.headers["set-cookie"] == removed)
        }
    }

    @Test func `a request that changes something needs the page's own origin`() async throws {
        try await withServer { client, credentials in
            let cookie = try await "chat=\(credentials.token(for: "ada"))"
            for (origin, isAllowed) in [
                (nil, false), ("null", false), ("http://evil.example", false), ("http://localhost:8001", false),
                ("http://localhost:8000", true), ("https://localhost:8000", true),
            ] {
                var headers = ["Cookie": cookie, "Host": "localhost:8000"]
                headers["Origin"] = origin
                let response = try await client.send("POST", "/chats", headers: headers, body: #"{"title":"a"}"#)
                #expect(response.status == (isAllowed ? 201 : 403), "\(origin ?? "-")")
                let opening = headers.merging(WebSocketClient.headers) { $1 }
                let opened = try await client.withKeptConnection { try await $0.send("GET", "/ws", headers: opening) }
                #expect(opened.status == (isAllowed ? 101 : 403), "\(origin ?? "-")")
                if !isAllowed {
                    let detail = "With a session cookie, this request needs the Origin of a page of this host"
                    #expect(response.text == #"{"detail":"\#(detail)","code":"origin_not_allowed"}"#)
                }
                #expect(try await client.send("GET", "/chats", headers: headers).status == 200)
            }
        }
    }

    @Test func `a cookie for HTTPS is accepted only from pages over HTTPS`() async throws {
        try await withServer { client, credentials in
            let cookie = try await "__Host-chat=\(credentials.token(for: "ada"))"
            for (origin, status) in [("http://chat.example", 403), ("https://chat.example", 201)] {
                let headers = ["Cookie": cookie, "Host": "chat.example", "Origin": origin]
                let response = try await client.send("POST", "/chats", headers: headers, body: #"{"title":"a"}"#)
                #expect(response.status == status)
            }
        }
    }

    @Test func `only a user's token becomes a session`() async throws {
        for mode in [Authenticator.Mode.required, .open] {
            try await withServer(mode) { client, credentials in
                #expect(try await client.send("POST", "/session").status == 401)
                for acting in [[:], ["Act-As": "ada"]] {
                    let headers = credentials.keyHeader.merging(acting) { $1 }
                    let response = try await client.send("POST", "/session", headers: headers)
                    #expect(response.status == 403)
                    #expect(try response.json["code"] == "session_needs_token")
                    #expect(response.headers["set-cookie"] == nil)
                }
                let grants = Dictionary(uniqueKeysWithValues: (1...300).map { (ChatID(rawValue: $0), ChatRole.reader) })
                let long = try await credentials.token(for: "ada", grants: Grants(chats: grants))
                let response = try await client.send("POST", "/session", headers: ["Authorization": "Bearer \(long)"])
                #expect(response.status == 422)
                #expect(try response.json["code"] == "token_too_long")
            }
        }
    }

    @Test func `cookies that are no session are ignored`() async throws {
        let local = "localhost:8000"
        try await withServer { client, credentials in
            let token = try await credentials.token(for: "ada")
            for (cookie, host) in [
                ("chat=blue", local), ("chat=\(credentials.key.text)", local), ("chat=", local), ("chat", local),
                ("xchat=\(token)", local), ("Chat=\(token)", local), ("chat=\(token)", "chat.example"),
            ] {
                let headers = ["Cookie": cookie, "Host": host]
                let response = try await client.send("GET", "/chats", headers: headers)
                #expect(response.status == 401)
                #expect(try response.json["code"] == "token_missing", "\(cookie)")
            }
        }
        try await withServer(.open) { client, _ async throws in
            let headers = ["Cookie": "chat=blue", "Host": local]
            #expect(try await client.send("GET", "/chats", headers: headers).status == 200)
        }
    }

    /// Programs on other ports of a loopback host share its cookies.
    @Test func `another cookie of the same name does not hide the session`() async throws {
        try await withServer { client, credentials in
            let ours = try await "chat=\(credentials.token(for: "ada"))"
            for cookie in ["chat=a.b.c; \(ours)", "\(ours); chat=a.b.c", "chat=a.b.c; theme=dark; chat=blue; \(ours)"] {
                let headers = ["Cookie": cookie, "Host": "localhost:8000"]
                #expect(try await client.send("GET", "/me", headers: headers).json["user"]?["id"] == "ada", "\(cookie)")
            }
            let headers = ["Cookie": "chat=a.b.c; chat=d.e.f", "Host": "localhost:8000"]
            let response = try await client.send("GET", "/me", headers: headers)
            #expect(response.status == 401)
            #expect(try response.json["code"] == "token_invalid")
        }
    }

    @Test func `a session whose token is void can be ended, by the page itself`() async throws {
        try await withServer { client, _ in
            let cookie = ["Cookie": "chat=a.b.c", "Host": "localhost:8000"]
            let rejected = try await client.send("GET", "/chats", headers: cookie)
            #expect(rejected.status == 401)
            #expect(try rejected.json["code"] == "token_invalid")
            #expect(try await client.send("DELETE", "/session", headers: cookie).status == 403)
            let page = cookie.merging(["Origin": "http://localhost:8000"]) { $1 }
            #expect(try await client.send("DELETE", "/session", headers: page).status == 204)
            #expect(try await client.send("DELETE", "/session").status == 204)
        }
    }
}
