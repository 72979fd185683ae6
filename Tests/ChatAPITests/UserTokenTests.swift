import ChatDomain
import ChatIdentity
import ChatSQLite
import ChatTestSupport
import Testing

/// Requests with users' tokens and with server keys of the store.
@Suite(.timeLimit(.minutes(5)))
struct UserTokenTests {
    private func withServer(
        _ mode: Authenticator.Mode = .required,
        log: LogCapture? = nil,
        _ body: (HTTPTestClient, TestCredentials, SQLiteStore, Authenticator) async throws -> Void
    ) async throws {
        let credentials = try await TestCredentials()
        try await withSQLite(.memory) { store in
            let authenticator = credentials.authenticator(mode, store)
            try await ChatTestSupport.withServer(store, authenticator: authenticator, log: log) { client in
                try await body(client, credentials, store, authenticator)
            }
        }
    }

    @Test func `a token or Act-As makes the user the author`() async throws {
        try await withServer { client, credentials, _, _ in
            let admin = credentials.keyHeader
            #expect(try await client.send("POST", "/chats", headers: admin, body: #"{"title":"a"}"#).status == 201)
            let token = try await credentials.header(for: "ada")
            let message = #"{"text":"Hello"}"#
            let posted = try await client.send("POST", "/chats/1/messages", headers: token, body: message)
            #expect(posted.status == 201)
            #expect(try posted.json["author"] == "ada")
            // Without a membership or a grant, the chat does not exist for the user.
            let acting = admin.merging(["Act-As": "ada"]) { $1 }
            let hidden = try await client.send("POST", "/chats/1/messages", headers: acting, body: message)
            #expect(hidden.status == 404)
            #expect(hidden.text == #"{"detail":"Chat not found","code":"chat_not_found"}"#)
            #expect(try await client.send("GET", "/me", headers: acting).json["user"]?["id"] == "ada")
        }
    }

    @Test func `the code says why a token is rejected`() async throws {
        for mode in [Authenticator.Mode.required, .open] {
            try await withServer(mode) { client, credentials, store, authenticator in
                let other = try await TokenSigner(secret: "another secret of more than 32 bytes")
                let tokens = [
                    "token_expired": try await credentials.token(
                        for: "ada",
                        lifetime: .seconds(10),
                        age: .seconds(100)
                    ),
                    "token_invalid": try await other.token(for: "ada", lifetime: .seconds(600), at: .now()),
                ]
                for (code, token) in tokens {
                    let headers = ["Authorization": "Bearer \(token)"]
                    let response = try await client.send("GET", "/chats", headers: headers)
                    #expect(response.status == 401)
                    #expect(try response.json["code"] == .string(code))
                    #expect(response.headers["www-authenticate"] == #"Bearer error="invalid_token""#)
                }
                let token = try await credentials.header(for: "ada")
                #expect(try await client.send("GET", "/chats", headers: token).status == 200)
                try await store.revokeTokens(of: "ada")
                try await authenticator.refresh()
                let response = try await client.send("GET", "/chats", headers: token)
                #expect(response.status == 401)
                #expect(response.text == #"{"detail":"The token was revoked.","code":"token_invalid"}"#)
            }
        }
    }

    @Test func `a revoked server key gets 401`() async throws {
        try await withServer { client, _, store, authenticator in
            let key = try await store.addServerKey(.read)
            let headers = ["Authorization": "Bearer \(key.text)"]
            #expect(try await client.send("GET", "/chats", headers: headers).status == 200)
            #expect(try await store.revokeServerKey(key.id))
            try await authenticator.refresh()
            let response = try await client.send("GET", "/chats", headers: headers)
            #expect(response.status == 401)
            #expect(response.text == #"{"detail":"The server key was revoked.","code":"key_revoked"}"#)
        }
    }

    @Test func `only a server key can act as a user, and only after it was verified`() async throws {
        try await withServer { client, credentials, _, _ in
            let actingAs = ["Act-As": "bob"]
            let token = try await credentials.header(for: "ada").merging(actingAs) { $1 }
            let refused = try await client.send("GET", "/chats", headers: token)
            #expect(refused.status == 403)
            #expect(try refused.json["code"] == "act_as_not_allowed")
            let invalid = ["Authorization": "Bearer a.b.c"].merging(actingAs) { $1 }
            #expect(try await client.send("GET", "/chats", headers: invalid).status == 401)
            for user in ["", "two words", String(repeating: "a", count: 129), "é"] {
                let headers = credentials.keyHeader.merging(["Act-As": user]) { $1 }
                let response = try await client.send("GET", "/chats", headers: headers)
                #expect(response.status == 400, "\(user)")
                #expect(try response.json["code"] == "invalid_act_as")
            }
        }
    }

    @Test func `the last log line of a stream or WebSocket names the caller`() async throws {
        let log = LogCapture()
        try await withServer(log: log) { client, credentials, _, _ in
            let headers = try await credentials.header(for: "ada")
            try await client.withEvents("/events", headers: headers) { stream async throws in
                #expect(try await stream.nextEvent()?.type == "hello")
            }
            try await client.withSocket(headers: headers) { socket async throws in
                #expect(try await socket.next()["type"] == "hello")
            }
        }
        for message in ["Stream ended", "WebSocket closed"] {
            #expect(log.lines.filter { $0.message == message }.map { $0.metadata["user"] } == ["ada"])
        }
    }

    @Test func `the access log names the caller, and no log line contains a part of a credential`() async throws {
        let log = LogCapture()
        var secrets: [String] = []
        try await withServer(log: log) { client, credentials, store, authenticator in
            let token = try await credentials.token(for: "ada")
            let headers = ["Authorization": "Bearer \(token)"]
            _ = try await client.send("GET", "/chats", headers: headers)
            _ = try await client.send("GET", "/chats", headers: credentials.keyHeader)
            let body = #"{"path":"/events"}"#
            let ticket = try await client.send("POST", "/tickets", headers: headers, body: body).json
            let text = try #require(ticket["ticket"]?.string)
            _ = try await client.send("GET", "/events?chats=0&ticket=\(text)")
            _ = try await client.send("GET", "/events?ticket=\(text)x")
            _ = try await client.send("GET", "/nowhere?ticket=\(text)")
            let cookie = ["Cookie": "chat=\(token)"]
            _ = try await client.send("GET", "/chats", headers: cookie)
            try await store.revokeTokens(of: "ada")
            try await authenticator.refresh()
            _ = try await client.send("GET", "/chats", headers: headers)
            let parts =
                token.split(separator: ".") + text.split(separator: ".")
                + credentials.key.text.split(separator: "_").dropFirst(2)
            secrets = parts.map { String($0.prefix(12)) }
            let callers = log.lines.filter { $0.message == "Request" }.map { $0.metadata["user"] }
            #expect(callers == ["ada", nil, "ada", "ada", nil, nil, "ada", nil])
            let names = log.lines.filter { $0.message == "Request" }.map { $0.metadata["credential"] }
            #expect(names[0]?.count == 4)
            #expect(names[1] == credentials.key.id)
            #expect(names[2] == names[0] && names[6] == names[0])
        }
        #expect(log.lines.count >= 8)
        for line in log.lines {
            let text = line.message + line.metadata.map { "\($0)=\($1)" }.joined(separator: " ")
            #expect(!secrets.contains { text.contains($0) }, "\(text)")
        }
    }
}
