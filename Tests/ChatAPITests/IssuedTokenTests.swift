import ChatDomain
import ChatIdentity
import ChatTestSupport
import Testing

/// Tokens that the server signs for users.
@Suite(.timeLimit(.minutes(5)))
struct IssuedTokenTests {
    /// Passes a server key that may issue tokens, and a verifier of these.
    private func withIssuer(_ body: (HTTPTestClient, String, TokenVerifier) async throws -> Void) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let verifier = TokenVerifier()
            verifier.replaceKeys(of: .secrets, with: [try await TokenKey(secret: TestAccess.secret)])
            let access = try await TestAccess(store)
            let key = try await access.key(.admin)
            try await access.withServer { try await body($0, key, verifier) }
        }
    }

    @Test func `an issued token has the requested claims`() async throws {
        try await withIssuer { client, key, verifier in
            let before = Instant.now()
            let body = #"{"ttl":60,"role":"guest","name":" Ada ","grants":{"42":"member","*":"reader"}}"#
            let response = try await client.send("POST", "/users/ada%2F1/tokens", as: key, body: body)
            #expect(response.status == 201)
            #expect(response.headers["cache-control"] == "no-store")
            #expect(Set(try response.json.members.keys) == ["token", "expires_at"])
            let token = try await verifier.verify(#require(response.json["token"]?.string))
            #expect(token.userID == "ada/1")
            #expect(token.name == "Ada")
            #expect(token.rights == .user(.guest, Grants(everywhere: .reader, chats: [42: .member])))
            let issuedAt = try #require(token.issuedAt)
            #expect((before...Instant.now()).contains(issuedAt))
            #expect(token.expiresAt == issuedAt.advanced(by: .seconds(60)))
            let me = try await client.send("GET", "/me", as: #require(response.json["token"]?.string))
            #expect(try me.json["expires_at"] == response.json["expires_at"])
            #expect(try me.json["user"]?["name"] == "Ada")
            // Issuing another token does not rename the user.
            let again = try await client.send(
                "POST",
                "/users/ada%2F1/tokens",
                as: key,
                body: #"{"ttl":60,"name":"Eve"}"#
            )
            let other = try #require(try again.json["token"]?.string)
            #expect(try await client.send("GET", "/me", as: other).json["user"]?["name"] == "Ada")
            #expect(try await verifier.verify(other).rights == .user(.user))
        }
    }

    @Test func `a token may live from a second to the maximum age`() async throws {
        try await withIssuer { client, key, verifier in
            for ttl in [1, 86_400] {
                let response = try await client.send("POST", "/users/ada/tokens", as: key, body: #"{"ttl":\#(ttl)}"#)
                #expect(response.status == 201)
                _ = try await verifier.verify(#require(response.json["token"]?.string))
            }
        }
    }

    @Test(arguments: [
        ("{}", "missing", "ttl"), (#"{"ttl":0}"#, "greater_than_equal", "ttl"),
        (#"{"ttl":-1}"#, "greater_than_equal", "ttl"),
        (#"{"ttl":86401}"#, "less_than_equal", "ttl"), (#"{"ttl":"60"}"#, "int_type", "ttl"),
        (#"{"ttl":1e3}"#, "int_type", "ttl"), (#"{"ttl":99999999999999999999}"#, "int_type", "ttl"),
        (#"{"ttl":1,"role":"owner"}"#, "literal_error", "role"), (#"{"ttl":1,"role":null}"#, "literal_error", "role"),
        (#"{"ttl":1,"name":" "}"#, "string_too_short", "name"), (#"{"ttl":1,"name":"\u0000"}"#, "value_error", "name"),
        (#"{"ttl":1,"grants":[]}"#, "dict_type", "grants"), (#"{"ttl":1,"grants":null}"#, "dict_type", "grants"),
        (#"{"ttl":1,"grants":{"1":"admin"}}"#, "value_error", "grants"),
        (#"{"ttl":1,"grants":{"1":1}}"#, "value_error", "grants"),
        (#"{"ttl":1,"grants":{"01":"reader"}}"#, "value_error", "grants"),
        (#"{"ttl":1,"grants":{"general":"reader"}}"#, "value_error", "grants"),
        (#"{"ttl":1,"grants":{"1":"\ud800"}}"#, "value_error", "grants"),
        (#"{"ttl":1,"grants":{\#(grants(101))}}"#, "value_error", "grants"),
    ])
    func `an invalid request is rejected`(_ body: String, _ type: String, _ member: String) async throws {
        try await withIssuer { client, key, _ in
            let response = try await client.send("POST", "/users/ada/tokens", as: key, body: body)
            #expect(response.status == 422)
            #expect(try response.json["detail"]?.elements.map { $0["type"] } == [.string(type)])
            #expect(try response.json["detail"]?[0]?["loc"] == ["body", .string(member)])
        }
    }

    @Test func `the largest token is accepted`() async throws {
        try await withIssuer { client, key, verifier in
            let name = String(repeating: #"\u0001"#, count: 200)
            let id = String(repeating: #"%22"#, count: 128)
            let body = #"{"ttl":60,"name":"\#(name)","grants":{\#(Self.grants(100))}}"#
            let response = try await client.send("POST", "/users/\(id)/tokens", as: key, body: body)
            #expect(response.status == 201)
            _ = try await verifier.verify(#require(response.json["token"]?.string))
        }
    }

    /// With the longest ids and role.
    private static func grants(_ count: Int) -> String {
        (1...count).map { #""\#(Int64.min + Int64($0))":"moderator""# }.joined(separator: ",")
    }

    @Test func `a server without a secret says how to configure one`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store)
            let key = try await access.key(.admin)
            try await withServer(store, authenticator: access.authenticator) { client in
                let response = try await client.send("POST", "/users/ada/tokens", as: key, body: #"{"ttl":60}"#)
                #expect(response.status == 409)
                #expect(
                    response.text == """
                        {"detail":"The server has no secret to sign tokens with: set CHAT_JWT_SECRET",\
                        "code":"no_signing_secret"}
                        """
                )
            }
        }
    }

    @Test func `in open mode, too, only a server key can issue a token`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store, .open)
            let admin = try await access.token("ada", .admin)
            try await access.withServer { client in
                for headers in [[:], ["Act-As": "ada"], ["Authorization": "Basic YTpi"]] {
                    let path = "/users/ada/tokens"
                    let response = try await client.send("POST", path, headers: headers, body: #"{"ttl":60}"#)
                    #expect(response.status == 401)
                    #expect(try response.json["code"] == "token_missing")
                }
                let refused = try await client.send("POST", "/users/ada/tokens", as: admin, body: #"{"ttl":60}"#)
                #expect(refused.status == 403)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a deactivated user gets no token`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let access = try await TestAccess(store)
            let key = try await access.key(.admin)
            try await access.withServer { client in
                for (method, body) in [("PUT", #"{"deactivated":true}"#), ("DELETE", nil)] {
                    #expect(try await client.send("PUT", "/users/ada", as: key, body: "{}").status == 200)
                    let issued = try await client.send("POST", "/users/ada/tokens", as: key, body: #"{"ttl":60}"#)
                    #expect(issued.status == 201)
                    _ = try await client.send(method, "/users/ada", as: key, body: body)
                    let refused = try await client.send("POST", "/users/ada/tokens", as: key, body: #"{"ttl":60}"#)
                    #expect(refused.status == 409)
                    let detail = "The user is deactivated, so a token would be void"
                    #expect(refused.text == #"{"detail":"\#(detail)","code":"user_deactivated"}"#)
                }
            }
        }
    }
}
