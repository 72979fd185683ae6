import ChatDomain
import ChatIdentity
import ChatSQLite
import ChatTestSupport
import Testing

/// Tickets: credentials for one path, in its URL.
@Suite(.timeLimit(.minutes(5)))
struct TicketTests {
    private func withServer(
        ahead offset: Duration = .zero,
        _ body: (HTTPTestClient, TestCredentials, SQLiteStore, Authenticator) async throws -> Void
    ) async throws {
        let credentials = try await TestCredentials()
        try await withSQLite(.memory) { store in
            let authenticator = credentials.authenticator(.required, store)
            try await ChatTestSupport.withServer(store, authenticator: authenticator) { client in
                _ = try await client.send("POST", "/chats", headers: credentials.keyHeader, body: #"{"title":"a"}"#)
                try await body(client, credentials, store, authenticator)
            }
        }
    }

    private func url(
        for path: String,
        with headers: [String: String],
        from client: HTTPTestClient
    ) async throws -> String {
        let response = try await client.send("POST", "/tickets", headers: headers, body: #"{"path":"\#(path)"}"#)
        #expect(response.status == 201)
        let url = try #require(try response.json["url"]?.string)
        #expect(url == "\(path)?ticket=\(try response.json["ticket"]?.string ?? "")")
        return url
    }

    private func requireStream(_ url: String, from client: HTTPTestClient) async throws {
        try await client.withEvents(url) { stream in
            let event = try await stream.nextEvent()
            #expect(event?.type == "hello")
        }
    }

    /// The code of the error with which a stream is refused.
    private func code(of url: String, from client: HTTPTestClient) async throws -> JSON? {
        let response = try await client.send("GET", url)
        #expect(response.status == 401)
        return try response.json["code"]
    }

    @Test func `a ticket opens its stream any number of times`() async throws {
        try await withServer { client, credentials, _, _ in
            for headers in [try await credentials.header(for: "ada"), credentials.keyHeader] {
                let url = try await url(for: "/chats/1/events", with: headers, from: client)
                for _ in 1...2 {
                    try await requireStream("\(url)&after=0", from: client)
                }
                #expect(try await client.send("GET", "\(url)&wait=0").status == 200)
            }
            let url = try await url(for: "/ws", with: credentials.header(for: "ada"), from: client)
            let opened = try await client.withKeptConnection {
                try await $0.send("GET", url, headers: WebSocketClient.headers)
            }
            #expect(opened.status == 101)
        }
    }

    @Test func `a ticket is valid for nothing else`() async throws {
        try await withServer { client, credentials, _, _ in
            let url = try await url(for: "/chats/1/events", with: credentials.header(for: "ada"), from: client)
            let query = url.drop { $0 != "?" }
            for path in ["/chats/2/events", "/chats/1/events/", "/chats/%31/events", "/events", "/ws"] {
                #expect(try await code(of: path + query, from: client) == "token_invalid", "\(path)")
            }
            for path in ["/chats", "/chats/1", "/chats/1/log"] {
                #expect(try await code(of: path + query, from: client) == "token_missing", "\(path)")
            }
            #expect(try await client.send("HEAD", url).status == 401)
            #expect(try await client.send("POST", "/chats/1/typing" + query, body: "{}").status == 401)
        }
    }

    @Test func `a forged ticket, a token and a server key in a URL are rejected`() async throws {
        try await withServer { client, credentials, _, _ in
            let token = try await credentials.token(for: "ada")
            let url = try await url(for: "/events", with: ["Authorization": "Bearer \(token)"], from: client)
            let ticket = String(url.drop { $0 != "=" }.dropFirst())
            let parts = ticket.split(separator: ".")
            let otherContent = token.split(separator: ".")[1]
            for forged in [
                "", "x", ".", "..", String(ticket.dropLast()), ticket + "A", ticket + ".",
                "\(otherContent).\(parts[1])",
                "\(parts[0]).", ".\(parts[1])", "\(parts[1]).\(parts[0])", token, credentials.key.text,
                String(repeating: "a", count: 8_000),
            ] {
                #expect(try await code(of: "/events?ticket=\(forged)", from: client) == "token_invalid")
            }
            #expect(try await code(of: "/events?ticket=%zz", from: client) == "token_missing")
            let headers = ["Act-As": "bob"]
            #expect(try await client.send("GET", url, headers: headers).status == 403)
        }
    }

    @Test func `a ticket lasts an hour, or as long as its token, on every server of its database`() async throws {
        try await withServer { client, credentials, store, _ in
            let token = ["Authorization": "Bearer \(try await credentials.token(for: "ada", lifetime: .seconds(60)))"]
            let urls = [
                try await url(for: "/events", with: token, from: client),
                try await url(for: "/events", with: credentials.keyHeader, from: client),
            ]
            for (offset, valid) in [
                (30, [true, true]), (120, [false, true]), (3500, [false, true]), (3601, [false, false]),
            ] {
                let later = credentials.authenticator(.required, store, ahead: .seconds(offset))
                try await ChatTestSupport.withServer(store, authenticator: later) { client in
                    for (url, isValid) in zip(urls, valid) {
                        if isValid {
                            try await requireStream(url, from: client)
                        } else {
                            #expect(try await code(of: url, from: client) == "token_expired")
                        }
                    }
                }
            }
            try await withServer { stranger, _, _, _ async throws in
                #expect(try await code(of: urls[0], from: stranger) == "token_invalid")
            }
        }
    }

    @Test func `revoking a user's tokens voids the user's tickets`() async throws {
        try await withServer { client, credentials, store, authenticator in
            let acting = credentials.keyHeader.merging(["Act-As": "ada"]) { $1 }
            for headers in [try await credentials.header(for: "ada"), acting] {
                let url = try await url(for: "/events", with: headers, from: client)
                try await requireStream(url, from: client)
                try await store.revokeTokens(of: "ada")
                try await authenticator.refresh()
                #expect(try await code(of: url, from: client) == "token_invalid")
            }
        }
    }

    @Test func `revoking a server key voids its tickets`() async throws {
        try await withServer { client, _, store, authenticator in
            let key = try await store.addServerKey(.bot("robin"))
            let headers = ["Authorization": "Bearer \(key.text)"]
            let url = try await url(for: "/events", with: headers, from: client)
            try await requireStream(url, from: client)
            #expect(try await store.revokeServerKey(key.id))
            try await authenticator.refresh()
            #expect(try await code(of: url, from: client) == "key_revoked")
        }
    }

    @Test(arguments: [
        "/chats", "/chats/1", "/chats/x/events", "/chats//events", "/chats/1/events/", "chats/1/events", "/events?a=b",
        "",
        "/", "//events", "/ws#a", "/health/live",
    ])
    func `only streams and WebSockets have tickets`(_ path: String) async throws {
        try await withServer { client, credentials, _, _ in
            let body = #"{"path":"\#(path)"}"#
            let response = try await client.send("POST", "/tickets", headers: credentials.keyHeader, body: body)
            #expect(response.status == 422)
            let pattern = "^/(chats/[0-9]+/events|chats/[0-9]+/messages/[0-9]+/text|events|inbox|ws)$"
            #expect(
                response.text == #"""
                    {"detail":[{"type":"string_pattern_mismatch","loc":["body","path"],\#
                    "msg":"String should match pattern '\#(pattern)'","input":"\#(path)",\#
                    "ctx":{"pattern":"\#(pattern)"}}],"code":"validation_failed"}
                    """#
            )
        }
    }
}
