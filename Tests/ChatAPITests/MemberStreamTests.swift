import ChatDomain
import ChatIdentity
import ChatLive
import ChatTestSupport
import Synchronization
import Testing

/// What users who leave a chat receive.
@Suite(.timeLimit(.minutes(5)))
struct MemberStreamTests {
    /// Passes Ada's chat, of which Bob is a member: its log begins with both, at 1 and 2.
    private func withChat(
        on kind: StoreUnderTest = .sqliteInMemory,
        _ body: (any ServiceStore, TestAccess, HTTPTestClient) async throws -> Void
    ) async throws {
        try await TestAccess.withSignalledServer(on: kind, prepare: { try await createChat($0) }, body)
    }

    private func createChat(_ store: any ServiceStore, _ visibility: ChatVisibility = .private) async throws {
        let draft = ChatDraft(title: try ChatTitle("chat"), visibility: visibility, members: MemberIDs(["bob"]))
        _ = try await store.createChat(draft, by: .ungranted("ada"))
    }

    private func post(_ text: String, to chat: ChatID = 1, _ store: any ServiceStore) async throws {
        _ = try await store.postMessage(MessageText(text), to: chat)
    }

    private func headers(_ user: UserID, _ access: TestAccess, after id: String? = nil) async throws -> [String: String]
    {
        var headers = HTTPTestClient.headers(as: try await access.token(user))
        headers["Last-Event-ID"] = id
        return headers
    }

    private func summary(_ events: [ServerSentEvent]) throws -> [String] {
        try events.map { event in
            [event.type, try event.json["chat_id"]?.integer?.description, try event.position?.description]
                .compactMap(\.self).joined(separator: " ")
        }
    }

    private static let hidden = #"{"detail":"Chat not found","code":"chat_not_found"}"#

    @Test(arguments: StoreUnderTest.allCases)
    func `a stream ends with the entry of a user who leaves, and continues there when the user is back`(
        _ kind: StoreUnderTest
    ) async throws {
        try await withChat(on: kind) { store, access, client in
            let bob = try await headers("bob", access)
            let id = try await client.withEvents("/chats/1/events?after=0", headers: bob) { stream in
                var events = try await stream.events(through: "caught_up")
                try await post("three", store)
                try await store.change(.setRole("bob", .reader), in: 1, by: "ada")
                try await store.change(.remove("bob"), in: 1, by: "ada")
                try await post("six", store)
                events += try await stream.events(through: "chat.deleted")
                #expect(try await stream.nextEvent() == nil)
                let expected = [
                    "hello 1", "member.joined 1 1", "member.joined 1 2", "caught_up", "message.created 1 3",
                    "member.updated 1 4", "member.left 1 5", "chat.deleted 1",
                ]
                #expect(try summary(events) == expected)
                return stream.lastEventID
            }
            let requests = ["/chats/1/events?after=0", "/chats/1/events?wait=0", "/events?chats=1", "/chats/1"]
            for path in requests {
                let refused = try await client.send("GET", path, headers: bob)
                #expect(refused.status == 404)
                #expect(refused.text == Self.hidden)
            }
            try await store.change(.setRole("bob", .member), in: 1, by: "ada")
            let back = try await headers("bob", access, after: id)
            try await client.withEvents("/chats/1/events", headers: back) { stream in
                let events = try await stream.events(through: "caught_up")
                let expected = ["hello 1", "message.created 1 6", "member.joined 1 7", "caught_up"]
                #expect(try summary(events) == expected)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a poll returns the entries up to the one of a user who leaves meanwhile, and none after it`(
        _ kind: StoreUnderTest
    ) async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 1
        try await kind.withStore { store in
            try await createChat(store)
            try await store.change(.remove("bob"), in: 1, by: "ada")
            try await store.change(.setRole("bob", .member), in: 1, by: "ada")
            let hasRead = Mutex(false)
            let intercepted = InterceptedStore(store) { read in
                guard case .log = read, !hasRead.withLock({ exchange(&$0, with: true) }) else { return }
                for role in [ChatRole.member, .reader] {
                    _ = try? await store.change(.remove("bob"), in: 1, by: "ada")
                    _ = try? await post("unseen", store)
                    _ = try? await store.change(.setRole("bob", role), in: 1, by: "ada")
                }
                _ = try? await store.change(.remove("bob"), in: 1, by: "ada")
            }
            let access = try await TestAccess(intercepted)
            try await access.withServer(streamLimits: limits) { client in
                let bob = try await headers("bob", access)
                let held = Task {
                    while true {
                        let response = try await client.send("GET", "/chats/1/events?wait=55&after=4", headers: bob)
                        // The request below may have had the only slot.
                        if response.status != 503 { return response }
                    }
                }
                while try await client.send("GET", "/chats/2/events?wait=0", headers: bob).status != 503 {}
                try await post("five", store)
                let page = try await held.value.json
                #expect(page["entries"]?.elements.compactMap { $0["type"] } == ["message.created", "member.left"])
                #expect(page["entries"]?[1]?["seq"] == 6)
                #expect(page["last_seq"] == 6)
                #expect(try await client.send("GET", "/chats/1/events?wait=55&after=6", headers: bob).status == 404)
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `streams of several chats resume before the entry with which the user left, once the user is back`(
        _ kind: StoreUnderTest
    ) async throws {
        try await withChat(on: kind) { store, access, client in
            try await createChat(store)
            for path in ["/events?chats=1,2", "/events"] {
                let bob = try await headers("bob", access)
                let (id, end) = try await client.withEvents(path, headers: bob) { stream in
                    let events = try await stream.events(through: "caught_up")
                    let chats = try #require(try events.first?.json["chats"]?.elements)
                    return (stream.lastEventID, try #require(chats.first { $0["chat_id"] == 1 }?["last_seq"]?.integer))
                }
                try await post("before", store)
                try await store.change(.remove("bob"), in: 1, by: "ada")
                try await post("between", store)
                try await store.change(.setRole("bob", .member), in: 1, by: "ada")
                try await post("after", store)
                let back = try await headers("bob", access, after: id)
                try await client.withEvents(path, headers: back) { stream in
                    let events = try await stream.events(through: "caught_up")
                    let positions = try events.filter { $0.type != "hello" && $0.type != "caught_up" }
                        .compactMap { try $0.json["seq"]?.integer }
                    #expect(positions == Array(end + 1...end + 5))
                }
            }
        }
    }

    @Test func `a stream of several chats drops the one that the user leaves`() async throws {
        try await withChat { store, access, client in
            try await createChat(store)
            let bob = try await headers("bob", access)
            let path = "/events?chats=1,2"
            let id = try await client.withEvents(path, headers: bob) { stream in
                _ = try await stream.events(through: "caught_up")
                try await store.change(.remove("bob"), in: 1, by: "bob")
                _ = try await stream.events(through: "chat.deleted")
                try await post("unseen", store)
                try await post("seen", to: 2, store)
                let events = try await stream.events(through: "message.created")
                #expect(try summary(events) == ["message.created 2 3"])
                return stream.lastEventID
            }
            // The browser repeats its URL.
            let back = try await headers("bob", access, after: id)
            try await client.withEvents(path, headers: back) { stream in
                let events = try await stream.events(through: "caught_up")
                #expect(try summary(events) == ["hello", "caught_up"])
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a stream of all chats follows what the user joins and drops what the user leaves`(
        _ kind: StoreUnderTest
    ) async throws {
        try await withChat(on: kind) { store, access, client in
            for visibility in [ChatVisibility.private, .open] {
                _ = try await store.createChat(
                    ChatDraft(title: ChatTitle("other"), visibility: visibility),
                    by: .ungranted("ada")
                )
            }
            let bob = try await headers("bob", access)
            try await client.withEvents("/events", headers: bob) { stream in
                let hello = try #require(try await stream.events(through: "caught_up").first)
                #expect(try hello.json["chats"] == [["chat_id": 1, "last_seq": 2]])
                for chat in [2, 3] as [ChatID] {
                    let id = chat.rawValue
                    for joined in [2, 5] as [Int64] {
                        try await store.change(.setRole("bob", .member), in: chat, by: "ada")
                        let followed = try await stream.events(through: "chat.followed")
                        #expect(try followed.map { try $0.json["chat_id"]?.integer } == [id])
                        // The second time, these include an entry with which the user left before.
                        for position in 1...joined {
                            #expect(try await stream.nextEvent()?.position == position)
                        }
                        try await store.change(.remove("bob"), in: chat, by: "ada")
                        let left = try await stream.events(through: "chat.deleted")
                        #expect(try summary(left) == ["member.left \(id) \(joined + 1)", "chat.deleted \(id)"])
                        try await post("unseen", to: chat, store)
                    }
                }
                try await post("seen", store)
                let events = try await stream.events(through: "message.created")
                #expect(try summary(events) == ["message.created 1 3"])
            }
        }
    }

    @Test func `a socket drops a chat that its user leaves and stays open`() async throws {
        try await withChat { store, access, client in
            try await createChat(store, .open)
            try await client.withSocket(headers: headers("bob", access)) { socket in
                #expect(try await socket.next() == ["type": "hello"])
                for chat in 1...2 {
                    try await socket.send(#"{"op":"subscribe","chat_id":\#(chat)}"#)
                    #expect(try await socket.next()["ok"] == true)
                    #expect(try await socket.next() == ["type": "caught_up", "chat_id": .integer(Int64(chat))])
                }
                // A new token of the same user ends neither subscription.
                try await socket.send(#"{"op":"auth","ref":1,"token":"\#(try await access.token("bob"))"}"#)
                #expect(try await socket.next() == ["ref": 1, "op": "auth", "ok": true])
                try await store.change(.remove("bob"), in: 1, by: "ada")
                #expect(try await socket.next()["type"] == "member.left")
                #expect(try await socket.next() == ["type": "chat.deleted", "chat_id": 1])
                for text in [#"{"op":"subscribe","chat_id":1}"#, #"{"op":"typing","chat_id":1}"#] {
                    try await socket.send(text)
                    #expect(try await socket.next()["code"] == "chat_not_found")
                }
                try await post("unseen", store)
                // An open chat can be followed without a membership.
                try await store.change(.remove("bob"), in: 2, by: "bob")
                #expect(try await socket.next()["type"] == "member.left")
                try await post("seen", to: 2, store)
                #expect(try await socket.next()["message"]?["text"] == "seen")
            }
        }
    }
}
