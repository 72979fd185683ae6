import ChatDomain
import ChatTestSupport
import Testing

/// Read markers and unread counts, over HTTP and WebSocket.
@Suite(.timeLimit(.minutes(5)))
struct ReadMarkerTests {
    /// Passes a server that requires credentials, with a chat of Ada's and Bob's that has two messages by Ada.
    private func withServer(
        on store: StoreUnderTest = .sqliteInMemory,
        _ body: (HTTPTestClient, TestAccess, ChatID) async throws -> Void
    ) async throws {
        try await store.withStore { store in
            let access = try await TestAccess(store)
            let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["bob"]))
            let chat = try await store.createChat(draft, by: .ungranted("ada")).value.id
            for _ in 0..<2 {
                let post = LogChange.post(MessageDraft(text: try MessageText("text")))
                _ = try await store.recordMessage(post, in: chat, by: .ungranted("ada"))
            }
            try await access.withServer { client in try await body(client, access, chat) }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `marking as read answers with what is still unread`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client, access, _ in
            let bob = try await access.token("bob")
            func mark(_ body: String) async throws -> String {
                let response = try await client.send("PUT", "/chats/1/read", as: bob, body: body)
                return "\(response.status) \(response.text)"
            }
            #expect(try await client.send("GET", "/unread", as: bob).text == #"{"chats":1}"#)
            #expect(try await mark(#"{"seq":3}"#) == #"200 {"read_seq":3,"unread":1}"#)
            #expect(try await mark(#"{"seq":1}"#) == #"200 {"read_seq":3,"unread":1}"#)
            #expect(try await mark(#"{"seq":9007199254740991}"#) == #"200 {"read_seq":4,"unread":0}"#)
            #expect(try await client.send("GET", "/unread", as: bob).text == #"{"chats":0}"#)
            #expect(try await mark(#"{"seq":2,"back":true}"#) == #"200 {"read_seq":2,"unread":2}"#)
            #expect(try await mark(#"{"seq":3,"back":false}"#) == #"200 {"read_seq":3,"unread":1}"#)
            #expect(try await client.send("GET", "/unread", as: bob).text == #"{"chats":1}"#)
        }
    }

    @Test func `a list shows the caller's role and what is unread`() async throws {
        try await withServer { client, access, _ in
            let chat = """
                "id":1,"title":"chat","created_at":"T","last_seq":4,"last_message_at":"T","message_count":2,\
                "visibility":"private"
                """
            let last = """
                ,"last_message":{"id":2,"chat_id":1,"seq":4,"author":"ada","text":"text","created_at":"T","revision":1}
                """
            func list(as credential: String) async throws -> String {
                try await client.send("GET", "/chats/", as: credential).textWithoutInstants
            }
            let states = [
                "bob": #","role":"member","read_seq":2,"unread":2"#, "ada": #","role":"owner","read_seq":4,"unread":0"#,
            ]
            for (user, state) in states {
                let token = try await access.token(try #require(UserID(user)))
                #expect(try await list(as: token) == #"{"chats":[{\#(chat)\#(last)\#(state)}],"next_cursor":null}"#)
            }
            let plain = #"{"chats":[{\#(chat)}],"next_cursor":null}"#
            #expect(try await list(as: try await access.key(.admin)) == plain)
            let granted = #"{"chats":[{\#(chat)\#(last)}],"next_cursor":null}"#
            #expect(try await list(as: try await access.token("eve", grants: Grants(chats: [1: .owner]))) == granted)
            #expect(try await list(as: try await access.token("eve")) == #"{"chats":[],"next_cursor":null}"#)
        }
    }

    @Test func `more than a hundred unread messages are not counted`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStoreAndSQL { store, database in
            let access = try await TestAccess(store)
            let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["bob"]))
            let chat = try await store.createChat(draft, by: .ungranted("ada")).value.id
            try await database.fill(chat.rawValue, messages: 102)
            let bob = try await access.token("bob")
            try await access.withServer { client in
                for (seq, answer) in [(3, #"100,"more":true"#), (4, "100"), (5, "99")] {
                    let response = try await client.send("PUT", "/chats/1/read", as: bob, body: #"{"seq":\#(seq)}"#)
                    #expect(response.text == #"{"read_seq":\#(seq),"unread":\#(answer)}"#)
                }
            }
        }
    }

    @Test(arguments: [
        ("{}", "missing", "seq"), (#"{"seq":-1}"#, "greater_than_equal", "seq"), (#"{"seq":"1"}"#, "int_type", "seq"),
        (#"{"seq":1,"back":1}"#, "bool_type", "back"),
    ])
    func `an invalid move is rejected`(_ body: String, _ type: String, _ member: String) async throws {
        try await withServer { client, access, _ in
            let bob = try await access.token("bob")
            let response = try await client.send("PUT", "/chats/1/read", as: bob, body: body)
            #expect(response.status == 422)
            #expect(try response.json["detail"]?[0]?["type"] == .string(type))
            #expect(try response.json["detail"]?[0]?["loc"] == ["body", .string(member)])
            #expect(try await client.send("PUT", "/chats/9/read", as: bob, body: #"{"seq":1}"#).status == 404)
        }
    }

    @Test func `posting moves the author's own marker, but not with Act-As`() async throws {
        try await withServer { client, access, _ in
            let bob = try await access.token("bob")
            let key = try await access.key(.admin)
            let body = #"{"text":"new"}"#
            let acting = try await client.send("POST", "/chats/1/messages/", as: key, actingAs: "bob", body: body)
            #expect(acting.status == 201)
            #expect(try await client.send("GET", "/unread", as: bob).text == #"{"chats":1}"#)
            #expect(try await client.send("POST", "/chats/1/messages/", as: bob, body: body).status == 201)
            #expect(try await client.send("GET", "/unread", as: bob).text == #"{"chats":0}"#)
        }
    }

    @Test func `a socket marks as read`() async throws {
        try await withServer { client, access, _ in
            let headers = HTTPTestClient.headers(as: try await access.token("bob"))
            try await client.withSocket(headers: headers) { socket in
                _ = try await socket.next()
                try await socket.send(#"{"op":"read","ref":1,"chat_id":1,"seq":3}"#)
                let read: JSON = ["ref": 1, "op": "read", "ok": true, "read_seq": 3, "unread": 1]
                #expect(try await socket.next() == read)
                try await socket.send(#"{"op":"read","ref":2,"chat_id":1,"seq":2,"back":true}"#)
                let unread: JSON = ["ref": 2, "op": "read", "ok": true, "read_seq": 2, "unread": 2]
                #expect(try await socket.next() == unread)
                for (members, code) in [
                    (#""seq":-1"#, "validation_failed"), (#""chat_id":9,"seq":1"#, "chat_not_found"),
                    (#""chat_id":1,"seq":1,"back":"yes""#, "validation_failed"), (#""chat_id":1"#, "validation_failed"),
                ] {
                    try await socket.send(#"{"op":"read",\#(members)}"#)
                    #expect(try await socket.next()["code"] == .string(code))
                }
            }
        }
    }

    /// Eve may read both chats, and is a member of neither.
    @Test func `receipts are for members, administrators and server keys`() async throws {
        try await withServer { client, access, _ in
            let ada = try await access.token("ada")
            #expect(try await client.send("PATCH", "/chats/1", as: ada, body: #"{"receipts":true}"#).status == 200)
            let open = #"{"title":"open","visibility":"open","receipts":true}"#
            #expect(try await client.send("POST", "/chats/", as: ada, body: open).status == 201)
            let eve = try await access.token("eve", grants: Grants(chats: [1: .owner]))
            let reader = try await access.key(.read)
            let admin = try await access.key(.admin)
            let root = try await access.token("root", .admin)
            let callers: [(String, String?, Bool)] = [
                (ada, nil, true), (eve, nil, false), (reader, nil, true), (admin, nil, true), (root, nil, true),
                (admin, "ada", true), (admin, "eve", false),
            ]
            for chat in 1...2 {
                for (credential, user, seesMarkers) in callers where chat == 2 || user == nil {
                    let list = try await client.send("GET", "/chats/\(chat)/members", as: credential, actingAs: user)
                    #expect(list.status == 200)
                    for member in try #require(try list.json["members"]?.elements) {
                        #expect((member["read_seq"] != nil) == seesMarkers)
                    }
                }
            }
            for (credential, seesMarkers) in [(ada, true), (eve, false)] {
                try await client.withSocket(headers: HTTPTestClient.headers(as: credential)) { socket in
                    _ = try await socket.next()
                    try await socket.send(#"{"op":"members.list","chat_id":2}"#)
                    #expect((try await socket.next()["members"]?[0]?["read_seq"] != nil) == seesMarkers)
                }
            }
        }
    }

    @Test func `two servers agree, and a server that stops stores what waits`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url) { store in
                let one = InterceptedStore(store)
                let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["bob"]))
                let chat = try await one.createChat(draft, by: .ungranted("ada")).value.id
                for _ in 0..<3 {
                    let post = LogChange.post(MessageDraft(text: try MessageText("text")))
                    _ = try await one.recordMessage(post, in: chat, by: .ungranted("ada"))
                }
                let access = try await TestAccess(one)
                let bob = try await access.token("bob")
                try await withPostgres(url) { two in
                    try await TestAccess(two).withServer { other in
                        try await access.withServer { client in
                            for seq in 3...5 {
                                let body = #"{"seq":\#(seq)}"#
                                let answer = try await client.send("PUT", "/chats/1/read", as: bob, body: body)
                                #expect(answer.text == #"{"read_seq":\#(seq),"unread":\#(5 - seq)}"#)
                                if seq > 3 { continue }
                                #expect(
                                    try await other.send("PUT", "/chats/1/read", as: bob, body: #"{"seq":1}"#).text
                                        == answer.text
                                )
                            }
                        }
                        #expect(try await other.send("GET", "/unread", as: bob).text == #"{"chats":0}"#)
                    }
                }
            }
        }
    }
}
