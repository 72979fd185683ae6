import ChatDomain
import ChatTestSupport
import Testing

/// Users' profiles, on a server in open mode.
@Suite(.timeLimit(.minutes(5)))
struct UserTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `a user is created, read and replaced as a whole`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            let profile = #"""
                {"name":" Ada\u2003","avatar_url":"https://example.com/a.png","metadata":{"team": "core"},"kind":"bot",\#
                "deactivated":true,"unknown":1}
                """#
            let created = try await client.send("PUT", "/users/ada", body: profile)
            #expect(created.status == 200)
            #expect(
                created.textWithoutInstants == #"""
                    {"id":"ada","name":"Ada","avatar_url":"https://example.com/a.png","kind":"bot","created_at":"T",\#
                    "deactivated_at":"T","metadata":{"team":"core"}}
                    """#
            )
            let read = try await client.send("GET", "/users/ada")
            #expect(read.status == 200)
            #expect(read.text == created.text)
            let replaced = try await client.send("PUT", "/users/ada/", body: #"{"name":null,"metadata":null}"#)
            #expect(replaced.status == 200)
            #expect(replaced.textWithoutInstants == #"{"id":"ada","kind":"person","created_at":"T"}"#)
            #expect(try replaced.json["created_at"] == created.json["created_at"])
            #expect(try await client.send("GET", "/users/ada").text == replaced.text)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `users are listed in the order of the ids, without missing ones`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            for id in ["ada", "bob", "Ada"] {
                _ = try await client.send("PUT", "/users/\(id)", body: #"{"name":"\#(id)"}"#)
            }
            let list = try await client.send("GET", "/users?ids=bob,nobody,Ada,ada,bob")
            #expect(list.status == 200)
            let users = ["bob", "Ada", "ada"].map {
                #"{"id":"\#($0)","name":"\#($0)","kind":"person","created_at":"T"}"#
            }
            #expect(list.textWithoutInstants == #"{"users":[\#(users.joined(separator: ","))]}"#)
            #expect(try await client.send("GET", "/users?ids=nobody").text == #"{"users":[]}"#)
            let many = (1...100).map(String.init).joined(separator: ",")
            #expect(try await client.send("GET", "/users/?ids=\(many)").text == #"{"users":[]}"#)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a deleted user keeps only the id`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            let profile = #"{"name":"Ada","avatar_url":"a","metadata":{},"kind":"bot"}"#
            _ = try await client.send("PUT", "/users/ada", body: profile)
            let deleted = try await client.send("DELETE", "/users/ada")
            #expect(deleted.status == 204)
            #expect(deleted.body.isEmpty)
            let user = #"{"id":"ada","kind":"bot","created_at":"T","deactivated_at":"T"}"#
            #expect(try await client.send("GET", "/users/ada").textWithoutInstants == user)
            #expect(try await client.send("DELETE", "/users/ada?messages=erase").status == 204)
            #expect(try await client.send("GET", "/users?ids=ada").textWithoutInstants == #"{"users":[\#(user)]}"#)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a missing user is not found`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            for (method, path) in [("GET", "/users/ada"), ("DELETE", "/users/ada?messages=erase")] {
                let response = try await client.send(method, path)
                #expect(response.status == 404)
                #expect(response.text == #"{"detail":"User not found","code":"user_not_found"}"#)
            }
        }
    }

    @Test(arguments: [
        "a/b", "/", "//", "%", "%41", "%2F", ".", "..", "../..", "a,b", "?", "#", "a+b", "&=", "\"", "\\", "{}", "me",
        "ids",
        String(repeating: "~", count: 128), (0x21...0x7E).map { String(UnicodeScalar($0)) }.joined(),
    ])
    func `an id may consist of any visible ASCII characters`(_ id: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let path = "/users/" + id.utf8.map { "%" + String($0, radix: 16) }.joined()
            for (method, body) in [("PUT", "{}"), ("GET", nil)] as [(String, String?)] {
                let response = try await client.send(method, path, body: body)
                #expect(response.status == 200)
                #expect(try response.json["id"] == .string(id))
            }
            #expect(try await client.send("POST", path + "/revoke").status == 204)
            #expect(try await client.send("DELETE", path).status == 204)
        }
    }

    @Test(arguments: [
        ("a%20b", "a b"), ("%00", "\0"), ("%7F", "\u{7F}"), ("%C3%A9", "é"), ("%0A", "\n"),
        (String(repeating: "a", count: 129), String(repeating: "a", count: 129)),
    ])
    func `any other id is rejected`(_ encoded: String, _ id: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let bodies = ["PUT": "{}", "POST": #"{"ttl":1}"#]
            for (method, suffix) in [("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/revoke")] {
                let response = try await client.send(method, "/users/\(encoded)\(suffix)", body: bodies[method])
                #expect(response.status == 422)
                #expect(try response.json["code"] == "validation_failed")
                #expect(
                    try response.json["detail"] == [
                        [
                            "type": "string_pattern_mismatch", "loc": ["path", "user_id"], "input": .string(id),
                            "msg": "String should match pattern '^[!-~]{1,128}$'",
                            "ctx": ["pattern": "^[!-~]{1,128}$"],
                        ]
                    ]
                )
            }
        }
    }

    @Test(arguments: [
        ("/users", "missing", "Field required"),
        ("/users?ids=", "string_pattern_mismatch", "String should match pattern '^[!-~]{1,128}$'"),
        ("/users?ids=a,,b", "string_pattern_mismatch", "String should match pattern '^[!-~]{1,128}$'"),
        ("/users?ids=a,b+c", "string_pattern_mismatch", "String should match pattern '^[!-~]{1,128}$'"),
        (
            "/users?ids=" + String(repeating: "a,", count: 100) + "a", "value_error",
            "Value error, there are more than 100 ids"
        ),
        ("DELETE /users/a?messages=", "literal_error", "Input should be 'keep' or 'erase'"),
        ("DELETE /users/a?messages=Erase", "literal_error", "Input should be 'keep' or 'erase'"),
    ])
    func `an invalid query is rejected`(_ target: String, _ type: String, _ message: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let words = target.split(separator: " ").map(String.init)
            let response = try await client.send(words.count == 2 ? words[0] : "GET", words[words.count - 1])
            #expect(response.status == 422)
            #expect(try response.json["code"] == "validation_failed")
            #expect(try response.json["detail"]?.elements.map { $0["type"] } == [.string(type)])
            #expect(try response.json["detail"]?[0]?["msg"] == .string(message))
            #expect(try response.json["detail"]?[0]?["loc"]?[0] == "query")
        }
    }

    @Test(arguments: [
        ("[]", "model_attributes_type", ["body"]), ("{", "json_invalid", ["body", "1"]),
        (#"{"name":""}"#, "string_too_short", ["body", "name"]),
        (#"{"name":" \u3000 "}"#, "string_too_short", ["body", "name"]),
        (#"{"name":"a\u0000"}"#, "value_error", ["body", "name"]), (#"{"name":1}"#, "string_type", ["body", "name"]),
        (#"{"name":"\ud800"}"#, "string_unicode", ["body", "name"]),
        (#"{"name":"\#(String(repeating: "é", count: 201))"}"#, "string_too_long", ["body", "name"]),
        (#"{"avatar_url":"\#(String(repeating: "é", count: 2_001))"}"#, "string_too_long", ["body", "avatar_url"]),
        (#"{"avatar_url":[]}"#, "string_type", ["body", "avatar_url"]),
        (#"{"metadata":1}"#, "dict_type", ["body", "metadata"]),
        (#"{"kind":"Bot"}"#, "literal_error", ["body", "kind"]),
        (#"{"kind":null}"#, "literal_error", ["body", "kind"]),
        (#"{"kind":"\ud800"}"#, "literal_error", ["body", "kind"]),
        (#"{"deactivated":null}"#, "bool_type", ["body", "deactivated"]),
        (#"{"deactivated":"true"}"#, "bool_type", ["body", "deactivated"]),
        (#"{"deactivated":1}"#, "bool_type", ["body", "deactivated"]),
    ])
    func `an invalid profile is rejected`(_ body: String, _ type: String, _ location: [String]) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let response = try await client.send("PUT", "/users/ada", body: body)
            #expect(response.status == 422)
            #expect(try response.json["detail"]?.elements.map { $0["type"] } == [.string(type)])
            let path = try response.json["detail"]?[0]?["loc"]?.elements.map { $0.string ?? "\($0.integer ?? -1)" }
            #expect(path == location)
            #expect(try await client.send("GET", "/users/ada").status == 404)
        }
    }

    @Test func `a profile at the limits is accepted`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let name = String(repeating: "👋", count: 200)
            let url = String(repeating: "é", count: 2_000)
            let body = #"{"name":" \#(name) ","avatar_url":"\#(url)"}"#
            let user = try await client.send("PUT", "/users/ada", body: body)
            #expect(user.status == 200)
            #expect(try user.json["name"] == .string(name))
            #expect(try user.json["avatar_url"] == .string(url))
        }
    }

    @Test func `all problems of a request are listed`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            let body = #"{"name":1,"avatar_url":1,"metadata":1,"kind":1,"deactivated":1}"#
            let response = try await client.send("PUT", "/users/%20", body: body)
            let names = try response.json["detail"]?.elements.map { $0["loc"]?[1] }
            #expect(names == ["user_id", "name", "avatar_url", "metadata", "kind", "deactivated"])
            #expect(
                try response.json["detail"]?[4] == [
                    "type": "literal_error", "loc": ["body", "kind"], "msg": "Input should be 'person' or 'bot'",
                    "input": 1,
                    "ctx": ["expected": "'person' or 'bot'"],
                ]
            )
        }
    }
}
