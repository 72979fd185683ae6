import ChatDomain
import ChatIdentity
import ChatTestSupport
import Testing

/// Who may maintain users, and how users gain and lose access.
@Suite(.timeLimit(.minutes(5)))
struct UserAccessTests {
    private static let administratorRequests =
        [
            ("PUT", "/users/bob", 200, "{}"), ("POST", "/users/bob/revoke", 204, nil),
            ("DELETE", "/users/bob", 204, nil), ("POST", "/revoke", 204, nil),
        ] as [(String, String, Int, String?)]

    private static let readingRequests = [("/users/eve", 200), ("/users?ids=eve", 200), ("/me", 200)]

    @Test(arguments: StoreUnderTest.allCases)
    func `only administrators change users`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let access = try await TestAccess(store)
            let keys = try await [ServerKeyScope.admin, .post, .read, .bot("robot")].asyncMap(access.key)
            try await access.withServer { client in
                for (method, path, status, body) in Self.administratorRequests {
                    for role in ApplicationRole.allCases {
                        // The last request revokes all tokens.
                        let token = try await access.token("eve", role)
                        let response = try await client.send(method, path, as: token, body: body)
                        #expect(response.status == (role == .admin ? status : 403), "\(role) \(method) \(path)")
                    }
                    for (number, key) in keys.enumerated() {
                        let response = try await client.send(method, path, as: key, body: body)
                        #expect(response.status == (number == 0 ? status : 403), "\(number) \(method) \(path)")
                    }
                    let acting = try await client.send(method, path, as: keys[0], actingAs: "eve", body: body)
                    #expect(acting.status == 403)
                    #expect(acting.text == #"{"detail":"You may not do this","code":"forbidden"}"#)
                    #expect(try await client.send(method, path, body: body).status == 401)
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `every caller with a credential reads users`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let access = try await TestAccess(store)
            let credentials =
                try await ApplicationRole.allCases.asyncMap { try await access.token("eve", $0) }
                + [ServerKeyScope.admin, .post, .read, .bot("robot")].asyncMap(access.key)
            try await access.withServer { client in
                for credential in credentials {
                    for (path, status) in Self.readingRequests {
                        #expect(try await client.send("GET", path, as: credential).status == status)
                    }
                }
                for (path, _) in Self.readingRequests {
                    let response = try await client.send("GET", path)
                    #expect(response.status == 401)
                    #expect(try response.json["code"] == "token_missing")
                }
            }
        }
    }

    @Test(arguments: [Authenticator.Mode.required, .open])
    func `only a server key with the scope admin issues tokens`(_ mode: Authenticator.Mode) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store, mode)
            let others =
                try await ApplicationRole.allCases.asyncMap { try await access.token("eve", $0) }
                + [ServerKeyScope.post, .read, .bot("robot")].asyncMap(access.key)
            let key = try await access.key(.admin)
            try await access.withServer { client in
                func response(as credential: String? = nil, actingAs user: String? = nil) async throws
                    -> HTTPTestResponse
                {
                    var headers = credential.map { HTTPTestClient.headers(as: $0) } ?? [:]
                    headers["Act-As"] = user
                    return try await client.send("POST", "/users/bob/tokens", headers: headers, body: #"{"ttl":60}"#)
                }
                #expect(try await response(as: key).status == 201)
                for refused in try await [response(as: key, actingAs: "eve")]
                    + others.asyncMap({ try await response(as: $0) })
                {
                    #expect(refused.status == 403)
                    #expect(refused.text == #"{"detail":"You may not do this","code":"forbidden"}"#)
                }
                let anonymous = try await response()
                #expect(anonymous.status == 401)
                #expect(anonymous.text == #"{"detail":"The request has no credential.","code":"token_missing"}"#)
            }
        }
    }

    @Test func `an anonymous caller in open mode may do everything else`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store, .open)
            try await access.withServer { client in
                for (method, path, status, body) in Self.administratorRequests {
                    #expect(try await client.send(method, path, body: body).status == status)
                }
                let me = try await client.send("GET", "/me")
                #expect(me.status == 200)
                #expect(me.text == #"{"user":null,"role":"admin","scope":null,"expires_at":null}"#)
                let token = try await access.token("eve")
                #expect(try await client.send("POST", "/revoke", as: token).status == 403)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `callers learn who they are`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            let access = try await TestAccess(store)
            let admin = try await access.key(.admin)
            try await access.withServer { client in
                func me(_ credential: String, actingAs user: String? = nil) async throws -> String {
                    try await client.send("GET", "/me", as: credential, actingAs: user).textWithoutInstants
                }
                func user(_ id: String, _ kind: String = "person") -> String {
                    #"{"id":"\#(id)","kind":"\#(kind)","created_at":"T"}"#
                }
                for role in ["user", "guest", "admin", "bot"] {
                    let id = try #require(UserID(role))
                    let token = try await access.token(id, #require(ApplicationRole(rawValue: role)))
                    let text = user(role, role == "bot" ? "bot" : "person")
                    #expect(
                        try await me(token) == #"{"user":\#(text),"role":"\#(role)","scope":null,"expires_at":"T"}"#
                    )
                }
                #expect(try await me(admin) == #"{"user":null,"role":"admin","scope":"admin","expires_at":null}"#)
                let acting = #"{"user":\#(user("zoe")),"role":"user","scope":"admin","expires_at":null}"#
                #expect(try await me(admin, actingAs: "zoe") == acting)
                for scope in ["post", "read"] {
                    let key = try await access.key(#require(ServerKeyScope(scope)))
                    #expect(try await me(key) == #"{"user":null,"role":null,"scope":"\#(scope)","expires_at":null}"#)
                }
                let bot = try await access.key(.bot("robot"))
                let robot = #"{"user":\#(user("robot", "bot")),"role":"bot","scope":"bot:robot","expires_at":null}"#
                #expect(try await me(bot) == robot)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a revocation makes tokens void at once, and a token issued after it is valid`(
        _ store: StoreUnderTest
    ) async throws {
        try await store.withStore { store in
            let access = try await TestAccess(store)
            let admin = try await access.key(.admin)
            try await access.withServer { client in
                let bob = try await access.token("bob")
                for _ in 1...10 {
                    let token = try await access.token()
                    #expect(try await client.send("GET", "/me", as: token).status == 200)
                    #expect(try await client.send("POST", "/users/ada/revoke", as: admin).status == 204)
                    let refused = try await client.send("GET", "/me", as: token)
                    #expect(refused.status == 401)
                    #expect(refused.headers["www-authenticate"] == #"Bearer error="invalid_token""#)
                    #expect(refused.text == #"{"detail":"The token was revoked.","code":"token_invalid"}"#)
                    #expect(try await client.send("GET", "/me", as: access.token()).status == 200)
                }
                #expect(try await client.send("GET", "/me", as: bob).status == 200)
                #expect(try await client.send("POST", "/revoke", as: admin).status == 204)
                #expect(try await client.send("GET", "/me", as: bob).status == 401)
                #expect(try await client.send("GET", "/me", as: access.token("bob")).status == 200)
                #expect(try await client.send("GET", "/me", as: access.token("new")).status == 200)
                #expect(try await client.send("GET", "/me", as: admin).status == 200)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a deactivated user has no access, and a reactivated one needs a new token`(
        _ store: StoreUnderTest
    ) async throws {
        try await store.withStore { store in
            let access = try await TestAccess(store)
            let admin = try await access.key(.admin)
            let bot = try await access.key(.bot("ada"))
            try await access.withServer { client in
                for request in [("PUT", "/users/ada", #"{"deactivated":true}"#), ("DELETE", "/users/ada", nil)] {
                    let token = try await access.token()
                    #expect(try await client.send("GET", "/me", as: token).status == 200)
                    let (method, path, body) = request
                    #expect([200, 204].contains(try await client.send(method, path, as: admin, body: body).status))
                    for credential in try await [token, access.token(), bot] {
                        let refused = try await client.send("GET", "/me", as: credential)
                        #expect(refused.status == 401)
                        #expect(
                            refused.text == #"{"detail":"The user is deactivated.","code":"token_invalid"}"#
                        )
                    }
                    #expect(try await client.send("GET", "/me", as: admin, actingAs: "ada").status == 403)
                    #expect(try await client.send("PUT", "/users/ada", as: admin, body: "{}").status == 200)
                    #expect(try await client.send("GET", "/me", as: token).status == 401)
                    #expect(try await client.send("GET", "/me", as: access.token()).status == 200)
                    #expect(try await client.send("GET", "/me", as: bot).status == 200)
                }
            }
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ transform: (Element) async throws -> Result) async throws -> [Result] {
        var results: [Result] = []
        for element in self {
            results.append(try await transform(element))
        }
        return results
    }
}
