import ChatDomain
import ChatIdentity
import ChatTestSupport
import Testing

/// Members of chats over HTTP; the users' tokens grant nothing.
@Suite(.timeLimit(.minutes(5)))
struct MemberTests {
    private static let hidden = #"{"detail":"Chat not found","code":"chat_not_found"}"#
    private static let forbidden = #"{"detail":"You may not do this","code":"forbidden"}"#

    /// Runs a server on which each user's requests carry a token.
    private func withUsers(
        on store: StoreUnderTest,
        _ body: (Users) async throws -> Void
    ) async throws {
        try await store.withStore { store in
            let access = try await TestAccess(store)
            try await access.withServer { client in
                try await body(Users(access: access, client: client))
            }
        }
    }

    private struct Users {
        let access: TestAccess
        let client: HTTPTestClient

        func send(
            _ method: String,
            _ path: String,
            as user: UserID,
            _ body: String? = nil
        ) async throws -> HTTPTestResponse {
            try await client.send(method, path, as: try await access.token(user), body: body)
        }
    }

    private func member(_ user: String, _ role: String, _ position: Int) -> String {
        #"{"user_id":"\#(user)","role":"\#(role)","joined_seq":\#(position)}"#
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a chat with receipts shows its members how far each has read`(_ store: StoreUnderTest) async throws {
        try await withUsers(on: store) { users in
            func reader(_ user: String, _ role: String, _ position: Int, read: Int?) -> String {
                let member = member(user, role, position)
                return read.map { member.dropLast() + #","read_seq":\#($0)}"# } ?? member
            }
            func list(as user: UserID) async throws -> String {
                try await users.send("GET", "/chats/1/members", as: user).text
            }
            let draft = #"{"title":"Team","members":["ben"],"receipts":true}"#
            let created = try await users.send("POST", "/chats/", as: "ada", draft)
            #expect(created.text.hasSuffix(#""visibility":"private","receipts":true}"#))
            let posted = try await users.send("POST", "/chats/1/messages", as: "ben", #"{"text":"Hi"}"#)
            #expect(posted.status == 201)
            let shown = [reader("ada", "owner", 1, read: 1), reader("ben", "member", 2, read: 3)]
            #expect(try await list(as: "ada") == #"{"members":[\#(shown.joined(separator: ","))],"next_cursor":null}"#)

            // Only the list shows it, and a moderator's rights are needed to end it.
            let put = try await users.send("PUT", "/chats/1/members/ben", as: "ada", #"{"role":"member"}"#)
            #expect(put.text == member("ben", "member", 2))
            let refused = try await users.send("PATCH", "/chats/1", as: "ben", #"{"receipts":false}"#)
            #expect(refused.text == Self.forbidden)
            let ended = try await users.send("PATCH", "/chats/1", as: "ada", #"{"receipts":false}"#)
            #expect(ended.text.contains(#""last_seq":4"#))
            #expect(ended.text.hasSuffix(#""visibility":"private"}"#))
            let again = try await users.send("PATCH", "/chats/1", as: "ada", #"{"receipts":false,"title":"Team"}"#)
            #expect(again.text == ended.text)
            let hidden = [member("ada", "owner", 1), member("ben", "member", 2)]
            #expect(try await list(as: "ben") == #"{"members":[\#(hidden.joined(separator: ","))],"next_cursor":null}"#)

            let invalid = try await users.send("PATCH", "/chats/1", as: "ada", #"{"receipts":"yes"}"#)
            #expect(invalid.status == 422)
            #expect(invalid.text.contains(#""type":"bool_type","loc":["body","receipts"]"#))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `members join, get other roles and leave`(_ store: StoreUnderTest) async throws {
        try await withUsers(on: store) { users in
            let created = try await users.send(
                "POST",
                "/chats/",
                as: "ada",
                #"{"title":"Team","members":["ben","ada"]}"#
            )
            #expect(created.status == 201)
            #expect(
                created.textWithoutInstants == #"""
                    {"id":1,"title":"Team","created_at":"T","last_seq":2,"last_message_at":null,"message_count":0,\#
                    "visibility":"private"}
                    """#
            )
            let list = try await users.send("GET", "/chats/1/members", as: "ben")
            #expect(list.status == 200)
            let both = [member("ada", "owner", 1), member("ben", "member", 2)].joined(separator: ",")
            #expect(list.text == #"{"members":[\#(both)],"next_cursor":null}"#)

            let body = #"{"users":["eve","ben"],"role":"reader"}"#
            let added = try await users.send("POST", "/chats/1/members/", as: "ada", body)
            #expect(added.status == 200)
            #expect(added.text == #"{"members":[\#(member("eve", "reader", 3)),\#(member("ben", "member", 2))]}"#)
            let changed = try await users.send("PUT", "/chats/1/members/ben", as: "ada", #"{"role":"moderator"}"#)
            #expect(changed.status == 200)
            #expect(changed.text == member("ben", "moderator", 2))
            let joined = try await users.send("PUT", "/chats/1/members/zoe", as: "ben", #"{"role":"member"}"#)
            #expect(joined.text == member("zoe", "member", 5))
            let removed = try await users.send("DELETE", "/chats/1/members/eve", as: "ben")
            #expect(removed.status == 204)
            #expect(removed.body.isEmpty)

            let log = try await users.send("GET", "/chats/1/log?after=2", as: "zoe").json["entries"]?.elements
            #expect(log?.map { $0["type"] } == ["member.joined", "member.updated", "member.joined", "member.left"])
            #expect(log?.map { $0["author"] } == ["ada", "ada", "ben", "ben"])
            #expect(log?.map { $0["users"] } == [["eve"], ["ben"], ["zoe"], ["eve"]])
            #expect(log?.map { $0["role"] } == ["reader", "moderator", "member", nil])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a hundred users are added with one entry`(_ store: StoreUnderTest) async throws {
        try await withUsers(on: store) { users in
            let ids = (100..<200).map { "user\($0)" }
            let list = ids.map { #""\#($0)""# }.joined(separator: ",")
            _ = try await users.send("POST", "/chats/", as: "ada", #"{"title":"Team"}"#)
            // The second request changes nothing.
            for _ in 1...2 {
                let added = try await users.send("POST", "/chats/1/members", as: "ada", #"{"users":[\#(list)]}"#)
                #expect(added.status == 200)
                let members = ids.map { member($0, "member", 2) }.joined(separator: ",")
                #expect(added.text == #"{"members":[\#(members)]}"#)
            }
            let log = try await users.send("GET", "/chats/1/log?after=1", as: "user150").json["entries"]?.elements
            #expect(log?.map { $0["users"] } == [.array(ids.map { .string($0) })])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a member who left finds no chat, and continues after joining again`(_ store: StoreUnderTest) async throws {
        try await withUsers(on: store) { users in
            _ = try await users.send("POST", "/chats/", as: "ada", #"{"title":"Team","members":["ben"]}"#)
            #expect(try await users.send("POST", "/chats/1/messages", as: "ben", #"{"text":"a"}"#).status == 201)
            #expect(try await users.send("DELETE", "/chats/1/members/ben", as: "ben").status == 204)
            let requests: [(String, String, String?)] = [
                ("GET", "", nil), ("GET", "/messages", nil), ("GET", "/log", nil), ("GET", "/members", nil),
                ("POST", "/messages", #"{"text":"b"}"#), ("PUT", "/members/ben", #"{"role":"member"}"#),
                ("DELETE", "/members/ben", nil), ("POST", "/members", #"{"users":["ben"]}"#), ("DELETE", "", nil),
            ]
            for (method, path, body) in requests {
                for chat in [1, 99] {
                    let response = try await users.send(method, "/chats/\(chat)\(path)", as: "ben", body)
                    #expect(response.status == 404)
                    #expect(response.text == Self.hidden)
                }
            }
            #expect(try await users.send("GET", "/chats/", as: "ben").text == #"{"chats":[],"next_cursor":null}"#)
            #expect(try await users.send("PUT", "/chats/1/members/ben", as: "ada", #"{"role":"member"}"#).status == 200)
            let log = try await users.send("GET", "/chats/1/log?after=3", as: "ben").json["entries"]?.elements
            #expect(log?.map { $0["type"] } == ["member.left", "member.joined"])
            let chats = try await users.send("GET", "/chats/", as: "ben").json["chats"]?.elements
            #expect(chats?.map { $0["id"] } == [1])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the last owner stays, and a user who is no member cannot be removed`(_ store: StoreUnderTest) async throws {
        try await withUsers(on: store) { users in
            _ = try await users.send("POST", "/chats/", as: "ada", #"{"title":"Team","members":["ben"]}"#)
            for (method, body) in [("DELETE", nil), ("PUT", #"{"role":"member"}"#)] {
                let response = try await users.send(method, "/chats/1/members/ada", as: "ada", body)
                #expect(response.status == 409)
                #expect(response.text == #"{"detail":"The chat needs another owner first","code":"last_owner"}"#)
            }
            let missing = try await users.send("DELETE", "/chats/1/members/eve", as: "ada")
            #expect(missing.status == 404)
            #expect(missing.text == #"{"detail":"Member not found","code":"member_not_found"}"#)
            #expect(try await users.send("PUT", "/chats/1/members/ben", as: "ada", #"{"role":"owner"}"#).status == 200)
            #expect(try await users.send("DELETE", "/chats/1/members/ada", as: "ada").status == 204)
            let list = try await users.send("GET", "/chats/1/members", as: "ben")
            #expect(list.text == #"{"members":[\#(member("ben", "owner", 2))],"next_cursor":null}"#)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `members are listed page by page, in the order of the bytes of their ids`(
        _ store: StoreUnderTest
    ) async throws {
        try await withUsers(on: store) { users in
            let body = #"{"title":"Team","members":["a/b","a b","B","~","a%2Fb","a","é"]}"#
            #expect(try await users.send("POST", "/chats/", as: "zoe", body).status == 422)
            let valid = #"{"title":"Team","members":["a/b","B","~","a%2Fb","a"]}"#
            #expect(try await users.send("POST", "/chats/", as: "zoe", valid).status == 201)
            var ids: [String] = []
            var cursor: String?
            repeat {
                let query = cursor.map { id in "&cursor=" + id.utf8.map { "%" + String($0, radix: 16) }.joined() } ?? ""
                let page = try await users.send("GET", "/chats/1/members?limit=2\(query)", as: "zoe").json
                let members = page["members"]?.elements ?? []
                #expect(members.count == 2)
                ids += members.compactMap { $0["user_id"]?.string }
                cursor = page["next_cursor"]?.string
            } while cursor != nil
            #expect(ids == ["B", "a", "a%2Fb", "a/b", "zoe", "~"])
            #expect(try await users.send("DELETE", "/chats/1/members/a%2Fb", as: "zoe").status == 204)
            let rest = try await users.send("GET", "/chats/1/members", as: "zoe").json["members"]?.elements
            #expect(rest?.compactMap { $0["user_id"]?.string } == ["B", "a", "a%2Fb", "zoe", "~"])
        }
    }

    private static let pattern: JSON = .string("String should match pattern '^[!-~]{1,128}$'")
    private static let tooMany = "[" + (0...100).map { #""u\#($0)""# }.joined(separator: ",") + "]"

    @Test(
        arguments: [
            ("POST", "/chats/1/members", "{}", ["body", "users"], "Field required"),
            ("POST", "/chats/1/members", #"{"users":"ben"}"#, ["body", "users"], "Input should be a valid list"),
            ("POST", "/chats/1/members", #"{"users":[]}"#, ["body", "users"], "Value error, there are no users"),
            (
                "POST", "/chats/1/members", #"{"users":\#(tooMany)}"#, ["body", "users"],
                "Value error, there are more than 100 users"
            ),
            (
                "POST", "/chats/1/members", #"{"users":["ben",7]}"#, ["body", "users", 1],
                "Input should be a valid string"
            ),
            ("POST", "/chats/1/members", #"{"users":["a b"]}"#, ["body", "users", 0], pattern),
            (
                "POST", "/chats/1/members", #"{"users":["ben"],"role":"king"}"#, ["body", "role"],
                "Input should be 'reader', 'member', 'moderator' or 'owner'"
            ),
            ("PUT", "/chats/1/members/ben", "{}", ["body", "role"], "Field required"),
            ("PUT", "/chats/1/members/a%20b", #"{"role":"member"}"#, ["path", "user_id"], pattern),
            ("DELETE", "/chats/1/members/%00", nil, ["path", "user_id"], pattern),
            ("GET", "/chats/1/members?cursor=", nil, ["query", "cursor"], pattern),
            (
                "GET", "/chats/1/members?limit=101", nil, ["query", "limit"],
                "Input should be less than or equal to 100"
            ),
            ("GET", "/chats/1/members?after=1", nil, ["query", "after"], "Extra inputs are not permitted"),
            ("POST", "/direct", "{}", ["body", "user"], "Field required"),
            ("POST", "/direct", #"{"user":""}"#, ["body", "user"], pattern),
            ("POST", "/chats/", #"{"title":"a","members":{}}"#, ["body", "members"], "Input should be a valid list"),
            ("POST", "/chats/", #"{"title":"a","members":[""]}"#, ["body", "members", 0], pattern),
            (
                "POST", "/chats/", #"{"title":"a","visibility":"public"}"#, ["body", "visibility"],
                "Input should be 'private' or 'open'"
            ),
        ] as [(String, String, String?, JSON, JSON)]
    )
    func `an invalid request names its problem`(
        _ method: String,
        _ path: String,
        _ body: String?,
        _ location: JSON,
        _ message: JSON
    ) async throws {
        try await withUsers(on: .sqliteInMemory) { users in
            _ = try await users.send("POST", "/chats/", as: "ada", #"{"title":"Team"}"#)
            let response = try await users.send(method, path, as: "ada", body)
            #expect(response.status == 422)
            #expect(try response.json["code"] == "validation_failed")
            #expect(try response.json["detail"]?.elements.count == 1)
            #expect(try response.json["detail"]?[0]?["loc"] == location)
            #expect(try response.json["detail"]?[0]?["msg"] == message)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `two people share one direct chat, whichever of them opens it`(_ store: StoreUnderTest) async throws {
        try await withUsers(on: store) { users in
            async let one = users.send("POST", "/direct", as: "ada", #"{"user":"ben"}"#)
            async let other = users.send("POST", "/direct", as: "ben", #"{"user":"ada"}"#)
            let responses = try await [one, other]
            #expect(responses.map(\.status).sorted() == [200, 201])
            let chat = #"""
                {"id":1,"title":"Direct chat","created_at":"T","last_seq":1,"last_message_at":null,"message_count":0,\#
                "visibility":"private"}
                """#
            #expect(responses.map(\.textWithoutInstants) == [chat, chat])
            #expect(responses.allSatisfy { $0.headers["idempotent-replayed"] == nil })
            let members = [member("ada", "member", 1), member("ben", "member", 1)].joined(separator: ",")
            let list = try await users.send("GET", "/chats/1/members", as: "ben")
            #expect(list.text == #"{"members":[\#(members)],"next_cursor":null}"#)

            #expect(try await users.send("DELETE", "/chats/1/members/ben", as: "ben").status == 204)
            #expect(try await users.send("GET", "/chats/1", as: "ben").status == 404)
            let again = try await users.send("POST", "/direct", as: "ada", #"{"user":"ben"}"#)
            #expect(again.status == 200)
            #expect(try again.json["last_seq"] == 3)
            #expect(try await users.send("GET", "/chats/1", as: "ben").status == 200)
            #expect(try await users.send("POST", "/direct", as: "ada", #"{"user":"eve"}"#).json["id"] == 2)
            let own = try await users.send("POST", "/direct", as: "ada", #"{"user":"ada"}"#)
            #expect(own.status == 403)
            #expect(own.text == Self.forbidden)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a chat of a caller with a credential is private unless it says otherwise`(
        _ store: StoreUnderTest
    ) async throws {
        try await store.withStore { store in
            let access = try await TestAccess(store, .open)
            let key = try await access.key(.admin)
            let credentials = [nil, key, try await access.token("ada")]
            try await access.withServer { client in
                for (credential, visibility) in zip(credentials, ["open", "private", "private"]) {
                    let headers = credential.map { HTTPTestClient.headers(as: $0) } ?? [:]
                    for stated in [nil, "private", "open"] {
                        let member = stated.map { #","visibility":"\#($0)""# } ?? ""
                        let body = #"{"title":"chat"\#(member)}"#
                        let chat = try await client.send("POST", "/chats/", headers: headers, body: body).json
                        #expect(chat["visibility"] == .string(stated ?? visibility))
                    }
                }
                // Ada reads the open chats, but sees only those of which she is a member in her list.
                let token = try await access.token("ada")
                var statuses: [Int] = []
                for chat in 1...9 {
                    statuses.append(try await client.send("GET", "/chats/\(chat)", as: token).status)
                }
                #expect(statuses == [200, 404, 200, 404, 404, 200, 200, 200, 200])
                let list = try await client.send("GET", "/chats/", as: token).json["chats"]?.elements
                #expect(Set(list?.map { $0["id"] } ?? []) == [7, 8, 9])
            }
        }
    }

    /// Each request with its status for the callers of `MatrixMember.all`, first in a private chat, then in an open one.
    private static let ownMembership: [(method: String, path: String, body: String?, statuses: [[Int]])] = [
        (
            "PUT", "members/ada", #"{"role":"member"}"#,
            [[200, 200, 200, 403, 404, 404], [200, 200, 200, 403, 200, 200]]
        ),
        (
            "PUT", "members/ada", #"{"role":"owner"}"#,
            [[200, 403, 403, 403, 404, 404], [200, 403, 403, 403, 403, 403]]
        ),
        (
            "POST", "members", #"{"users":["ada"]}"#,
            [[200, 200, 403, 403, 404, 404], [200, 200, 200, 200, 200, 200]]
        ),
        (
            "POST", "members", #"{"users":["ada","dave"]}"#,
            [[200, 200, 403, 403, 404, 404], [200, 200, 403, 403, 403, 403]]
        ),
        ("DELETE", "members/ada", nil, [[204, 204, 204, 204, 404, 404], [204, 204, 204, 204, 404, 404]]),
    ]

    @Test func `users join open chats, give up roles and leave, but gain no rights`() async throws {
        try await MatrixServers.withServers { servers in
            for (method, path, body, statuses) in Self.ownMembership {
                for (visibility, statuses) in zip(ChatVisibility.allCases, statuses) {
                    for (member, status) in zip(MatrixMember.all(in: visibility), statuses) {
                        let scene = try await servers.scene(for: member)
                        let path = "/chats/\(scene.chat.rawValue)/\(path)"
                        let response = try await scene.client.send(method, path, headers: scene.headers, body: body)
                        #expect(response.status == status, "\(method) \(path) \(body ?? "") as \(member)")
                    }
                }
            }
        }
    }
}
