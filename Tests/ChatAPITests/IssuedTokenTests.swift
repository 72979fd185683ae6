import ChatDomain
import ChatIdentity
import ChatTestSupport
import Testing

/// Tokens that the server signs for users.
@Suite(.timeLimit(.minutes(5)))
struct IssuedTokenTests {
    /// Runs a server in open mode, whose verifier the test can use.
    private func withIssuer(_ body: (HTTPTestClient, TokenVerifier) async throws -> Void) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let verifier = TokenVerifier()
            verifier.replaceKeys(of: .secrets, with: [try await TokenKey(secret: TestAccess.secret)])
            try await TestAccess(store, .open).withServer { try await body($0, verifier) }
        }
    }

    @Test func `an issued token has the requested claims`() async throws {
        try await withIssuer { client, verifier in
            let before = Instant.now()
            let body = #"{"ttl":60,"role":"guest","name":" Ada ","grants":{"42":"member","*":"reader"}}"#
            let response = try await client.send("POST", "/users/ada%2F1/tokens", body: body)
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
            let again = try await client.send("POST", "/users/ada%2F1/tokens", body: #"{"ttl":60,"name":"Eve"}"#)
            let other = try #require(try again.json["token"]?.string)
            #expect(try await client.send("GET", "/me", as: other).json["user"]?["name"] == "Ada")
            #expect(try await verifier.verify(other).rights == .user(.user))
        }
    }

    @Test func `a token may live from a second to the maximum age`() async throws {
        try await withIssuer { client, verifier in
            for ttl in [1, 86_400] {
                let response = try await client.send("POST", "/users/ada/tokens", body: #"{"ttl":\#(ttl)}"#)
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
        try await withIssuer { client, _ in
            let response = try await client.send("POST", "/users/ada/tokens", body: body)
            #expect(response.status == 422)
            #expect(try response.json["detail"]?.elements.map { $0["type"] } == [.string(type)])
            #expect(try response.json["detail"]?[0]?["loc"] == ["body", .string(member)])
        }
    }

    @Test func `the largest token is accepted`() async throws {
        try await withIssuer { client, verifier in
            let name = String(repeating: #"\u0001"#, count: 200)
            let id = String(repeating: #"%22"#, count: 128)
            let body = #"{"ttl":60,"name":"\#(name)","grants":{\#(Self.grants(100))}}"#
            let response = try await client.send("POST", "/users/\(id)/tokens", body: body)
            #expect(response.status == 201)
            _ = try await verifier.verify(#require(response.json["token"]?.string))
        }
    }

    /// With the longest ids and role.
    private static func grants(_ count: Int) -> String {
        (1...count).map { #""\#(Int64.min + Int64($0))":"moderator""# }.joined(separator: ",")
    }

    @Test func `a server without a secret says how to configure one`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try await client.send("POST", "/users/ada/tokens", body: #"{"ttl":60}"#)
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
