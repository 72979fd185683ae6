import ChatDomain
import ChatIdentity
import ChatLive
import ChatTestSupport
import Testing

/// The WebSocket operation `auth`, where a credential is required.
@Suite(.timeLimit(.minutes(5)))
struct SocketAuthenticationTests {
    private func withAccess(
        _ mode: Authenticator.Mode = .required,
        timeout: Duration = .seconds(60),
        _ body: (TestAccess, HTTPTestClient) async throws -> Void
    ) async throws {
        var limits = StreamLimits()
        limits.authenticationTimeout = timeout
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store, mode)
            try await access.withServer(streamLimits: limits) { client in
                for title in ["one", "two"] {
                    _ = try await store.createChat(titled: ChatTitle(title))
                }
                try await body(access, client)
            }
        }
    }

    private func auth(_ token: String) -> String {
        #"{"op":"auth","ref":"auth","token":"\#(token)"}"#
    }

    private static let accepted: JSON = ["ref": "auth", "op": "auth", "ok": true]

    @Test func `the first message can be the credential`() async throws {
        try await withAccess { access, client in
            let token = try await access.token(grants: Grants(chats: [1: .member]))
            try await client.withSocket { socket in
                #expect(try await socket.next() == ["type": "hello"])
                // The client need not wait for the response.
                try await socket.frames.send(
                    .text(auth(token)),
                    .text(#"{"op":"send","ref":1,"chat_id":1,"text":"hi"}"#),
                    .text(#"{"op":"subscribe","ref":2,"chat_id":2}"#)
                )
                #expect(try await socket.next() == Self.accepted)
                #expect(try await socket.next()["message"]?["author"] == "ada")
                #expect(try await socket.next()["code"] == "chat_not_found")
            }
        }
    }

    @Test func `a socket without a credential closes in time`() async throws {
        try await withAccess(timeout: .milliseconds(10)) { _, client in
            try await client.withSocket { socket async throws in
                #expect(try await socket.next() == ["type": "hello"])
                #expect(try await socket.next() == ["type": "unauthorized", "reason": "token_missing"])
                #expect(try await socket.frames.nextFrame() == "close 4003")
            }
        }
    }

    @Test func `authentication stops the clock`() async throws {
        try await withAccess(timeout: .milliseconds(500)) { access, client in
            let token = try await access.token(grants: Grants(everywhere: .reader))
            try await client.withSocket { socket in
                try await socket.send(auth(token))
                #expect(try await socket.next() == ["type": "hello"])
                #expect(try await socket.next() == Self.accepted)
                // Its time is up when another socket's is.
                try await client.withSocket { other in
                    while try await other.frames.nextFrame() != nil {}
                }
                try await socket.send(#"{"op":"ping","ref":1}"#)
                #expect(try await socket.next() == ["ref": 1, "op": "ping", "ok": true])
            }
        }
    }

    /// First messages, with the code of their answers.
    static let firstMessages = [
        (#"{"op":"ping"}"#, "token_missing"), (#"{"op":"subscribe","chat_id":1}"#, "token_missing"),
        (#"{"op":"send","chat_id":1,"text":"hi"}"#, "token_missing"), ("{", "invalid_json"),
        (#"{"op":"auth"}"#, "validation_failed"), (#"{"op":"auth","token":7}"#, "validation_failed"),
        (#"{"op":"auth","token":""}"#, "token_invalid"), (#"{"op":"auth","token":"a.b.c"}"#, "token_invalid"),
    ]

    @Test(arguments: firstMessages)
    func `any other first message closes the socket`(_ message: String, _ code: String) async throws {
        try await withAccess { access, client in
            try await client.withSocket { socket in
                #expect(try await socket.next() == ["type": "hello"])
                // What follows is not performed.
                try await socket.frames.send(.text(message), .text(auth(try await access.token("ada", .admin))))
                let answer = try await socket.next()
                #expect(answer["ok"] == false)
                #expect(answer["code"]?.string == code)
                #expect(try await socket.frames.nextFrame() == "close 4003")
            }
            #expect(try await access.store.users(withIDs: ["ada"]).isEmpty)
            #expect(try await access.store.messages(.newest(of: 1, limit: 1)).messages.isEmpty)
        }
    }

    @Test func `subscriptions end if the new rights do not allow them`() async throws {
        try await withAccess { access, client in
            let both = try await access.token(grants: Grants(chats: [1: .member, 2: .reader]))
            try await client.withSocket(headers: HTTPTestClient.headers(as: both)) { socket in
                #expect(try await socket.next() == ["type": "hello"])
                for chat in 1...2 {
                    try await socket.send(#"{"op":"subscribe","chat_id":\#(chat)}"#)
                    #expect(try await socket.next()["ok"] == true)
                    #expect(try await socket.next()["type"] == "caught_up")
                }
                try await socket.send(auth(try await access.token(grants: Grants(chats: [1: .reader]))))
                #expect(try await socket.next() == Self.accepted)
                #expect(try await socket.next() == ["type": "chat.unfollowed", "chat_id": 2, "last_seq": 0])
                try await socket.send(#"{"op":"send","ref":1,"chat_id":1,"text":"hi"}"#)
                #expect(try await socket.next()["code"] == "forbidden")
                _ = try await access.store.postMessage(MessageText("two"), to: 2)
                _ = try await access.store.postMessage(MessageText("one"), to: 1)
                #expect(try await socket.next()["message"]?["text"] == "one")
            }
        }
    }

    @Test func `a membership or an open chat permits what the new rights do not`() async throws {
        try await withAccess { access, client in
            let store = access.store
            let draft = ChatDraft(title: try ChatTitle("open"), visibility: .open)
            _ = try await store.createChat(draft, by: .anonymous)
            let granted = try await access.token(grants: Grants(everywhere: .reader))
            try await client.withSocket(headers: HTTPTestClient.headers(as: granted)) { socket in
                #expect(try await socket.next() == ["type": "hello"])
                for chat in [1, 3] {
                    try await socket.send(#"{"op":"subscribe","chat_id":\#(chat)}"#)
                    #expect(try await socket.next()["ok"] == true)
                    #expect(try await socket.next()["type"] == "caught_up")
                }
                let addition = MemberChange.add(try #require(MemberIDs(["ada"])), as: .member)
                _ = try await store.changeMembers(MemberRequest(addition, in: 1, by: .anonymous))
                #expect(try await socket.next()["type"] == "member.joined")
                try await socket.send(auth(try await access.token()))
                #expect(try await socket.next() == Self.accepted)
                _ = try await store.postMessage(MessageText("one"), to: 1)
                #expect(try await socket.next()["message"]?["text"] == "one")
                _ = try await store.changeMembers(MemberRequest(.remove("ada"), in: 1, by: .anonymous))
                #expect(try await socket.next()["type"] == "member.left")
                #expect(try await socket.next() == ["type": "chat.deleted", "chat_id": 1])
                _ = try await store.postMessage(MessageText("unseen"), to: 1)
                _ = try await store.postMessage(MessageText("open"), to: 3)
                #expect(try await socket.next()["message"]?["text"] == "open")
            }
        }
    }

    @Test func `another user's credential closes the socket`() async throws {
        try await withAccess { access, client in
            let ada = HTTPTestClient.headers(as: try await access.token())
            let others = [try await access.token("bob"), try await access.key(.admin)]
            for other in others {
                try await client.withSocket(headers: ada) { socket in
                    #expect(try await socket.next() == ["type": "hello"])
                    try await socket.send(auth(other))
                    let answer = try await socket.next()
                    #expect(answer["code"] == "other_user")
                    #expect(try await socket.frames.nextFrame() == "close 4003")
                }
            }
        }
    }

    @Test func `a later credential that is invalid changes nothing`() async throws {
        try await withAccess { access, client in
            let ada = HTTPTestClient.headers(as: try await access.token(grants: Grants(chats: [1: .member])))
            try await client.withSocket(headers: ada) { socket in
                #expect(try await socket.next() == ["type": "hello"])
                try await socket.send(auth("a.b.c"))
                #expect(try await socket.next()["code"] == "token_invalid")
                try await socket.send(#"{"op":"send","ref":1,"chat_id":1,"text":"hi"}"#)
                #expect(try await socket.next()["message"]?["author"] == "ada")
            }
        }
    }

    @Test func `in open mode, a credential applies from then on`() async throws {
        try await withAccess(.open) { access, client in
            try await client.withSocket { socket in
                #expect(try await socket.next() == ["type": "hello"])
                try await socket.send(#"{"op":"send","ref":1,"chat_id":1,"text":"hi"}"#)
                #expect(try await socket.next()["message"]?["author"] == nil)
                try await socket.send(auth(try await access.token(grants: Grants(chats: [2: .reader]))))
                #expect(try await socket.next() == Self.accepted)
                try await socket.send(#"{"op":"send","ref":1,"chat_id":1,"text":"hi"}"#)
                #expect(try await socket.next()["code"] == "chat_not_found")
            }
        }
    }

    @Test func `a typing notice names the user`() async throws {
        try await withAccess { access, client in
            let ada = HTTPTestClient.headers(as: try await access.token(grants: Grants(chats: [1: .member])))
            try await client.withEvents("/chats/1/events", headers: ada) { stream in
                _ = try await stream.events(through: "caught_up")
                let metadata = #"{"metadata":{"device":"phone"}}"#
                #expect(try await client.send("POST", "/chats/1/typing", headers: ada, body: metadata).status == 204)
                let typing = try #require(try await stream.nextEvent()?.json)
                #expect(typing["author"] == "ada")
                #expect(typing["metadata"] == ["device": "phone"])
            }
        }
    }
}
