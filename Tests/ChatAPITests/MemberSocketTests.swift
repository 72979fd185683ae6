import ChatDomain
import ChatTestSupport
import Testing

/// Members of chats over a WebSocket; the users' tokens grant nothing.
@Suite(.timeLimit(.minutes(5)))
struct MemberSocketTests {
    private func withSocket(
        on store: StoreUnderTest,
        as user: UserID,
        _ body: (TestAccess, HTTPTestClient, inout JSONSocket) async throws -> Void
    ) async throws {
        try await store.withStore { store in
            let access = try await TestAccess(store)
            let headers = HTTPTestClient.headers(as: try await access.token(user))
            try await access.withServer { client in
                let draft = #"{"title":"Team","members":["ben"]}"#
                #expect(try await client.send("POST", "/chats/", headers: headers, body: draft).status == 201)
                try await client.withSocket(headers: headers) { socket in
                    #expect(try await socket.next() == ["type": "hello"])
                    try await body(access, client, &socket)
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `members change over a socket as they do over HTTP`(_ store: StoreUnderTest) async throws {
        try await withSocket(on: store, as: "ada") { access, client, socket in
            func answer(_ operation: String, _ members: String) async throws -> JSON {
                try await socket.send(#"{"op":"\#(operation)","ref":1,"chat_id":1\#(members)}"#)
                let answer = try await socket.next()
                #expect(answer["ref"] == 1)
                #expect(answer["op"] == .string(operation))
                return answer
            }
            let ada: JSON = ["user_id": "ada", "role": "owner", "joined_seq": 1]
            let ben: JSON = ["user_id": "ben", "role": "member", "joined_seq": 2]
            let eve: JSON = ["user_id": "eve", "role": "reader", "joined_seq": 3]
            let added = try await answer("members.add", #","users":["eve","ben"],"role":"reader""#)
            #expect(added == ["ref": 1, "op": "members.add", "ok": true, "members": [eve, ben]])
            let moderator: JSON = ["user_id": "ben", "role": "moderator", "joined_seq": 2]
            let put = try await answer("members.put", #","user_id":"ben","role":"moderator""#)
            #expect(put == ["ref": 1, "op": "members.put", "ok": true, "member": moderator])
            let list = try await answer("members.list", "")
            #expect(
                list == [
                    "ref": 1, "op": "members.list", "ok": true, "members": [ada, moderator, eve], "next_cursor": nil,
                ]
            )
            #expect(try await answer("members.list", #","cursor":"ben""#)["members"] == [eve])
            let settings = HTTPTestClient.headers(as: try await access.token("ada"))
            #expect(
                try await client.send("PATCH", "/chats/1", headers: settings, body: #"{"receipts":true}"#).status == 200
            )
            let receipt: JSON = ["user_id": "eve", "role": "reader", "joined_seq": 3, "read_seq": 3]
            #expect(try await answer("members.list", #","cursor":"ben""#)["members"] == [receipt])
            let removed = try await answer("members.remove", #","user_id":"eve""#)
            #expect(removed == ["ref": 1, "op": "members.remove", "ok": true])
            for code in ["member_not_found", "last_owner"] {
                let user = code == "last_owner" ? "ada" : "eve"
                let refused = try await answer("members.remove", #","user_id":"\#(user)""#)
                #expect(refused["ok"] == false)
                #expect(refused["code"] == .string(code))
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a direct chat is created once`(_ store: StoreUnderTest) async throws {
        try await withSocket(on: store, as: "ada") { _, _, socket in
            for created in [true, false] {
                try await socket.send(#"{"op":"direct","user":"ben"}"#)
                let answer = try await socket.next()
                #expect(answer["ok"] == true)
                #expect(answer["created"] == .bool(created))
                #expect(answer["chat"]?["id"] == 2)
                #expect(answer["chat"]?["title"] == "Direct chat")
            }
        }
    }

    @Test(arguments: [
        (#""op":"members.list","chat_id":1,"cursor":"a b""#, "cursor"),
        (#""op":"members.add","chat_id":1"#, "users"),
        (#""op":"members.add","chat_id":1,"users":["eve"],"role":1"#, "role"),
        (#""op":"members.put","chat_id":1,"user_id":"eve""#, "role"),
        (#""op":"members.put","chat_id":1,"role":"member""#, "user_id"),
        (#""op":"members.remove","chat_id":1,"user_id":7"#, "user_id"),
        (#""op":"members.remove","user_id":"eve""#, "chat_id"), (#""op":"direct","chat_id":1"#, "user"),
    ])
    func `an invalid request names its problem`(_ request: String, _ member: String) async throws {
        try await withSocket(on: .sqliteInMemory, as: "ada") { _, _, socket in
            try await socket.send("{\(request)}")
            let answer = try await socket.next()
            #expect(answer["code"] == "validation_failed")
            #expect(answer["detail"]?.elements.map { $0["loc"] } == [["body", .string(member)]])
        }
    }
}
