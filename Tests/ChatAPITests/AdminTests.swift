import ChatAPI
import ChatDomain
import ChatIdentity
import ChatLive
import ChatTestSupport
import Testing

/// What operators see of a server, and the server keys they create and revoke.
@Suite(.timeLimit(.minutes(5)))
struct AdminTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `a created key works at once, is shown once and can be revoked`(_ kind: StoreUnderTest) async throws {
        try await kind.withStore { store in
            let access = try await TestAccess(store)
            let operatorKey = try await access.key(.admin)
            try await access.withServer { client in
                let created = try await client.send(
                    "POST",
                    "/admin/keys",
                    as: operatorKey,
                    body: #"{"name":"billing","scope":"bot:weather"}"#
                )
                #expect(created.status == 201)
                #expect(created.headers["cache-control"] == "no-store")
                let id = try #require(try created.json["id"]?.string)
                let key = try #require(try created.json["key"]?.string)
                #expect(key.hasPrefix("sk_\(id)_"))
                #expect(
                    created.textWithoutInstants == """
                        {"id":"\(id)","name":"billing","scope":"bot:weather","created_at":"T","key":"\(key)"}
                        """
                )
                let caller = try await client.send("GET", "/me", as: key)
                #expect(try caller.json["user"]?["id"] == "weather")

                let list = try await client.send("GET", "/admin/keys", as: operatorKey)
                #expect(try list.json["keys"]?.elements.last?["id"]?.string == id)
                let secret = try #require(key.split(separator: "_").last)
                #expect(!list.text.contains(secret))
                #expect(!list.text.contains("hash"))

                #expect(try await client.send("DELETE", "/admin/keys/\(id)", as: operatorKey).status == 204)
                let refused = try await client.send("GET", "/me", as: key)
                #expect(refused.status == 401)
                #expect(try refused.json["code"] == "key_revoked")
                let after = try await client.send("GET", "/admin/keys", as: operatorKey)
                #expect(try after.json["keys"]?.elements.last?["revoked_at"]?.string != nil)
                // Once more, it stays as it is.
                #expect(try await client.send("DELETE", "/admin/keys/\(id)", as: operatorKey).status == 204)
                #expect(try await client.send("GET", "/admin/keys", as: operatorKey).text == after.text)
            }
        }
    }

    @Test func `revoking an unknown key is an error`() async throws {
        try await withOperator { client, key in
            let response = try await client.send("DELETE", "/admin/keys/unknown", as: key)
            #expect(response.status == 404)
            #expect(response.text == #"{"detail":"Server key not found","code":"key_not_found"}"#)
        }
    }

    @Test(arguments: ["a_b", "%00", "%20", String(repeating: "a", count: 33)])
    func `what cannot be the id of a key is invalid`(_ id: String) async throws {
        try await withOperator { client, key in
            let response = try await client.send("DELETE", "/admin/keys/\(id)", as: key)
            #expect(response.status == 422)
            #expect(try response.json["detail"]?.elements.first?["loc"] == ["path", "key_id"])
        }
    }

    @Test(arguments: [
        (#"{"scope":"read"}"#, "name"), (#"{"name":"","scope":"read"}"#, "name"),
        (#"{"name":"two\nlines","scope":"read"}"#, "name"), (#"{"name":1,"scope":"read"}"#, "name"),
        (#"{"name":"n"}"#, "scope"), (#"{"name":"n","scope":"write"}"#, "scope"),
        (#"{"name":"n","scope":"bot:"}"#, "scope"), (#"{"name":"n","scope":"bot:a b"}"#, "scope"),
    ])
    func `a key needs a name on one line and a known scope`(_ body: String, _ member: String) async throws {
        try await withOperator { client, key in
            let response = try await client.send("POST", "/admin/keys", as: key, body: body)
            #expect(response.status == 422)
            let issues = try #require(try response.json["detail"]?.elements)
            #expect(issues.count == 1)
            #expect(issues.first?["loc"] == ["body", .string(member)])
            #expect(try await client.send("GET", "/admin/keys", as: key).json["keys"]?.elements.count == 1)
        }
    }

    @Test func `in open mode, anyone reads, but only a server key creates and revokes keys`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store, .open)
            let key = try await access.key(.admin)
            try await access.withServer { client in
                #expect(try await client.send("GET", "/admin/keys").status == 200)
                let body = #"{"name":"n","scope":"admin"}"#
                #expect(try await client.send("POST", "/admin/keys", body: body).status == 401)
                #expect(try await client.send("POST", "/admin/keys", as: key, body: body).status == 201)
                let administrator = try await access.token("ada", .admin)
                #expect(try await client.send("GET", "/admin/keys", as: administrator).status == 403)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the server says what it is and how much it does`(_ kind: StoreUnderTest) async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 7
        try await kind.withStore { store in
            try await withServer(store, streamLimits: limits) { client in
                let before = try await client.send("GET", "/admin/server").json
                #expect(before["version"]?.string != nil)
                #expect(before["database"] == .string(kind == .postgresql ? "postgresql" : "sqlite"))
                #expect(before["access"] == "open")
                #expect(before["streams"] == ["open": 0, "maximum": 7])
                _ = try await client.send("POST", "/chats/", body: #"{"title":"Team"}"#)
                _ = try await client.send("POST", "/chats/1/messages/", body: #"{"text":"Hello"}"#)
                try await client.withKeptConnection { connection in
                    _ = try await connection.send("GET", "/chats/1/events")
                    let after = try await client.send("GET", "/admin/server").json
                    #expect(after["streams"] == ["open": 1, "maximum": 7])
                    let connections = try #require(after["connections"]?["open"]?.integer)
                    #expect(connections >= 2)
                    let writes = try #require(after["writes"])
                    #expect(writes["waiting"] == 0)
                    // The purge at the start is one, too.
                    let requests = try #require(writes["requests"]?.integer)
                    #expect((2...3).contains(requests))
                    #expect(writes["batches"]?.integer == requests)
                    #expect(writes["largest_batch"] == 1)
                }
            }
        }
    }

    @Test func `the open streams say who listens, since when and to what`() async throws {
        try await withOperator(grants: true) { client, key, token in
            #expect(
                try await client.send("GET", "/admin/streams", as: key).text == #"{"streams":[],"total":0,"lagging":0}"#
            )
            try await client.withKeptConnection { stream in
                _ = try await stream.send("GET", "/chats/1/events", headers: HTTPTestClient.headers(as: token))
                try await client.withSocket(headers: HTTPTestClient.headers(as: key)) { socket in
                    _ = try await socket.next()
                    let list = try await client.send("GET", "/admin/streams", as: key)
                    let id = try #require(key.split(separator: "_").dropFirst().first)
                    #expect(
                        list.textWithoutInstants == #"""
                            {"streams":[\#
                            {"kind":"stream","address":"127.0.0.1","user":"ada","opened_at":"T","chats":1,"lag":0,"stalled":false},\#
                            {"kind":"websocket","address":"127.0.0.1","server_key":"\#(id)","opened_at":"T","chats":0,"lag":0,\#
                            "stalled":false}],"total":2,"lagging":0}
                            """#
                    )
                    let first = try await client.send("GET", "/admin/streams?limit=1", as: key).json
                    #expect(first["streams"]?.elements.count == 1)
                    #expect(first["streams"]?[0]?["kind"] == "stream")
                    #expect(first["total"] == 2)
                }
            }
        }
    }

    @Test func `a stream whose client does not read lags, and is listed first`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            for _ in 1...2 {
                _ = try await client.send("POST", "/chats/", body: #"{"title":"Team"}"#)
            }
            try await client.withKeptConnection { idle in
                _ = try await idle.send("GET", "/chats/2/events")
                try await client.withKeptConnection(receiveBuffer: 4_096) { slow in
                    _ = try await slow.send("GET", "/chats/1/events")
                    let text = String(repeating: "x", count: 5_000)
                    var first: JSON?
                    var (lag, count): (Int64, Int64) = (0, 0)
                    // The kernel takes some of it first.
                    repeat {
                        for _ in 0..<20 {
                            _ = try await client.send("POST", "/chats/1/messages/", body: #"{"text":"\#(text)"}"#)
                            count += 1
                        }
                        let list = try await client.send("GET", "/admin/streams").json
                        first = list["streams"]?[0]
                        lag = first?["lag"]?.integer ?? 0
                    } while lag == 0 && count < 5_000
                    #expect(first?["stalled"] == true)
                    #expect((1...count).contains(lag))
                }
            }
        }
    }

    private func withOperator(_ body: (HTTPTestClient, _ key: String) async throws -> Void) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store)
            let key = try await access.key(.admin)
            try await access.withServer { client in try await body(client, key) }
        }
    }

    private func withOperator(
        grants: Bool,
        _ body: (HTTPTestClient, _ key: String, _ token: String) async throws -> Void
    ) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store)
            let key = try await access.key(.admin)
            let chat = try await store.createChat(titled: ChatTitle("Team")).id
            let token = try await access.token(grants: Grants(chats: [chat: .member]))
            try await access.withServer { client in try await body(client, key, token) }
        }
    }
}
