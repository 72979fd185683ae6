import ChatDomain
import ChatLive
import ChatTestSupport
import Testing

/// The inbox over HTTP: pages and streams.
@Suite(.timeLimit(.minutes(5)))
struct InboxTests {
    /// Passes a server and two chats of Ada's and Ben's, whose logs begin with both.
    private func withServer(
        on kind: StoreUnderTest = .sqliteInMemory,
        _ body: (any ServiceStore, TestAccess, HTTPTestClient) async throws -> Void
    ) async throws {
        let prepare = { (store: any ServiceStore) in
            for _ in 0..<2 {
                try await store.createChatOfAdaAndBen()
            }
        }
        try await TestAccess.withSignalledServer(on: kind, prepare: prepare, body)
    }

    /// One page of Ben's inbox, in short: its lines, the cursor and whether there is more.
    private struct Page {
        let lines: [String]
        let cursor: String
        let hasMore: Bool
    }

    private func page(_ query: String, _ access: TestAccess, _ client: HTTPTestClient) async throws -> Page {
        let response = try await client.send("GET", "/inbox?\(query)", as: try await access.token("ben"))
        #expect(response.status == 200)
        let json = try response.json
        return Page(
            lines: try #require(json["changes"]).elements.map(InboxTests.summary),
            cursor: try #require(json["cursor"]?.string),
            hasMore: json["has_more"] == true
        )
    }

    /// For example `chat 1 first 1`: the chat, its last message and the number of unread ones; or `left 1`.
    static func summary(_ line: JSON) -> String {
        let parts = [
            line["type"]?.string, line["chat_id"]?.integer?.description, line["last_message"]?["text"]?.string,
            line["unread"]?.integer?.description,
        ]
        return parts.compactMap(\.self).joined(separator: " ")
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a page shows the state of each chat that changed`(_ kind: StoreUnderTest) async throws {
        try await withServer(on: kind) { store, access, client in
            try await store.post("first", to: 1)
            let token = try await access.token("ben")
            let response = try await client.send("GET", "/inbox?wait=0", as: token)
            let changes = try #require(try response.json["changes"])
            let chat = try await client.send("GET", "/chats/?limit=1", as: token).json["chats"]?[0]
            let line = try #require(changes.elements.first { $0["chat_id"] == 1 })
            #expect(line["last_message"]?["text"] == "first")
            #expect(line["last_message"] == chat?["last_message"])
            #expect(line["role"] == "member")
            #expect(line["last_seq"] == 3)
            #expect(line["chat"]?["title"] == "chat")
            for member in ["read_seq", "unread"] {
                #expect(line[member] == chat?[member])
            }
            let other = try #require(changes.elements.first { $0["chat_id"] == 2 })
            #expect(other["last_message"] == nil)
            #expect(try response.json["has_more"] == false)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `pages come the latest change first, and what changes meanwhile comes with the next pass`(
        _ kind: StoreUnderTest
    ) async throws {
        try await withServer(on: kind) { store, access, client in
            try await store.post("first", to: 2)
            try await store.post("first", to: 1)
            var page = try await page("wait=0&limit=1", access, client)
            #expect(page.lines == ["chat 1 first 1"])
            #expect(page.hasMore)
            try await store.post("second", to: 2)
            try await store.post("second", to: 1)
            try await store.createChatOfAdaAndBen()
            // Chat 2 has moved to the top, before the place where this pass continues.
            page = try await self.page("wait=0&limit=1&after=\(page.cursor)", access, client)
            #expect(!page.hasMore)
            page = try await self.page("wait=0&after=\(page.cursor)", access, client)
            #expect(page.lines == ["chat 3 0", "chat 1 second 2", "chat 2 second 2"])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a chat that is lost is left`(_ kind: StoreUnderTest) async throws {
        try await withServer(on: kind) { store, access, client in
            let cursor = try await page("wait=0", access, client).cursor
            try await store.change(.remove("ben"), in: 1, by: "ada")
            try await store.deleteChat(2)
            #expect(try await page("wait=0&after=\(cursor)", access, client).lines == ["left 2", "left 1"])
            #expect(try await page("wait=0", access, client).lines.isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the next change ends a poll`(_ kind: StoreUnderTest) async throws {
        try await withServer(on: kind) { store, access, client in
            var cursor = try await page("wait=0", access, client).cursor
            let changes: [(String, () async throws -> Void)] = [
                ("chat 1 new 1", { try await store.post("new", to: 1) }),
                (
                    "chat 1 new 0",
                    { try await store.moveReadMarker(ReadMarkerRequest(1, upTo: 9, by: .ungranted("ben"))) }
                ),
                ("chat 3 0", { try await store.createChatOfAdaAndBen() }),
                ("left 3", { try await store.deleteChat(3) }),
                ("left 2", { try await store.change(.remove("ben"), in: 2, by: "ada") }),
            ]
            for (line, change) in changes {
                let after = cursor
                async let polled = poll(after: after, until: line, access, client)
                try await change()
                cursor = try await polled
            }
        }
    }

    /// Polls until the latest change is a line, and returns the cursor.
    ///
    /// PostgreSQL repeats what may have changed while transactions of other tests were running.
    private func poll(
        after cursor: String,
        until line: String,
        _ access: TestAccess,
        _ client: HTTPTestClient
    ) async throws -> String {
        var cursor = cursor
        while true {
            let page = try await page("wait=55&after=\(cursor)", access, client)
            cursor = page.cursor
            if page.lines.first == line { return cursor }
        }
    }

    @Test func `the requested time ends a poll`() async throws {
        try await withServer { _, access, client in
            let cursor = try await page("wait=0", access, client).cursor
            let page = try await page("wait=1&after=\(cursor)", access, client)
            #expect(page.lines.isEmpty)
            #expect(page.cursor == cursor)
        }
    }

    @Test(arguments: ["7f3c9a01", "7f3c9a01.x", "7f3c9a01.1-2-3", "7f3c9a01.-1", "7f3c9a01.2-1", "9"])
    func `an invalid cursor is rejected`(_ cursor: String) async throws {
        try await withServer { _, access, client in
            let token = try await access.token("ben")
            let refused = try await client.send("GET", "/inbox?wait=0&after=\(cursor)", as: token)
            #expect(refused.status == 422)
            #expect(try refused.json["detail"]?[0]?["loc"] == ["query", "after"])
        }
    }

    @Test func `a page follows no chats`() async throws {
        try await withServer { _, access, client in
            let token = try await access.token("ben")
            let refused = try await client.send("GET", "/inbox?wait=0&follow=1", as: token)
            #expect(refused.status == 422)
            #expect(try refused.json["detail"]?[0]?["loc"] == ["query", "wait"])
        }
    }

    @Test func `a cursor of another epoch makes the client start over`() async throws {
        try await withServer { _, access, client in
            let cursor = try await page("wait=0", access, client).cursor
            let number = cursor.split(separator: ".")[1]
            let token = try await access.token("ben")
            let refused = try await client.send("GET", "/inbox?wait=0&after=00000000.\(number)", as: token)
            #expect(refused.status == 409)
            #expect(try refused.json["code"] == "epoch_changed")
            let advice = "The cursor belongs to another epoch. Start again without it, in epoch "
            #expect(try refused.json["detail"]?.string == advice + cursor.prefix(8))
            let headers = HTTPTestClient.headers(as: token, ["Last-Event-ID": "00000000.\(number)"])
            try await client.withEvents("/inbox", headers: headers) { stream in
                let reset = try #require(try await stream.nextEvent())
                #expect(reset.type == "reset")
                let beginning = try #require(try reset.json["epoch"]?.string) + ".0"
                #expect(reset.id == beginning)
            }
            // A browser repeats its first URL, whose position may not exist any more.
            try await client.withEvents("/inbox?follow=1:99", headers: headers) { stream in
                let id = try #require(try await stream.nextEvent()?.id)
                let again = HTTPTestClient.headers(as: token, ["Last-Event-ID": id])
                try await client.withEvents("/inbox?follow=1:99", headers: again) { stream in
                    let positions = try await stream.events(through: "caught_up").compactMap { try $0.position }
                    #expect(positions == [1, 2])
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a stream shows what changed and then what changes`(_ kind: StoreUnderTest) async throws {
        try await withServer(on: kind) { store, access, client in
            try await store.post("first", to: 1)
            let headers = HTTPTestClient.headers(as: try await access.token("ben"))
            let id = try await client.withEvents("/inbox", headers: headers) { stream in
                let start = try await stream.events(through: "caught_up")
                #expect(start.map(\.type) == ["hello", "chat", "chat", "cursor", "caught_up"])
                #expect(try start[1...2].map { InboxTests.summary(try $0.json) } == ["chat 1 first 1", "chat 2 0"])
                #expect(try start[3].json["cursor"]?.string == start[3].id)
                #expect(start[4].id == start[3].id)
                for (line, change) in [
                    ("chat 2 new 1", { try await store.post("new", to: 2) }),
                    ("chat 3 0", { try await store.createChatOfAdaAndBen() }),
                    ("left 1", { try await store.change(.remove("ben"), in: 1, by: "ada") }),
                    ("left 3", { try await store.deleteChat(3) }),
                ] as [(String, () async throws -> Void)] {
                    try await change()
                    #expect(try await stream.line(line).id == nil)
                }
                return stream.lastEventID
            }
            // The id is that of the last pass: a client that resumes gets everything since, even if it knows it.
            let again = HTTPTestClient.headers(as: try await access.token("ben"), ["Last-Event-ID": try #require(id)])
            try await client.withEvents("/inbox", headers: again) { stream in
                let lines = try await stream.events(through: "caught_up").dropFirst().dropLast(2)
                #expect(try lines.map { InboxTests.summary(try $0.json) } == ["left 3", "left 1", "chat 2 new 1"])
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a stream follows chats, and its id resumes both`(_ kind: StoreUnderTest) async throws {
        try await withServer(on: kind) { store, access, client in
            try await store.post("first", to: 1)
            let headers = HTTPTestClient.headers(as: try await access.token("ben"))
            let id = try await client.withEvents("/inbox?follow=1:2", headers: headers) { stream in
                let events = try await stream.events(through: "caught_up")
                #expect(try events[0].json["chats"] == [["chat_id": 1, "last_seq": 3]])
                let types = events.map(\.type)
                #expect(types.filter { $0 == "message.created" }.count == 1)
                #expect(types.filter { $0 == "chat" }.count == 2)
                try await store.post("second", to: 1)
                let entry = try #require(try await stream.events(through: "message.created").last)
                #expect(try entry.position == 4)
                return try #require(stream.lastEventID)
            }
            try await store.post("third", to: 1)
            let again = HTTPTestClient.headers(as: try await access.token("ben"), ["Last-Event-ID": id])
            try await client.withEvents("/inbox?follow=1:2", headers: again) { stream in
                let events = try await stream.events(through: "caught_up")
                #expect(try events.compactMap { try $0.position }.last == 5)
                #expect(try events.compactMap { try $0.position }.first.map { $0 > 3 } == true)
                let lines = events.filter { $0.type == "chat" }
                #expect(try lines.first.map { InboxTests.summary(try $0.json) } == "chat 1 third 3")
            }
            let many = (1...51).map { String($0) }.joined(separator: ",")
            let token = try await access.token("ben")
            #expect(try await client.send("GET", "/inbox?follow=\(many)", as: token).status == 422)
            #expect(try await client.send("GET", "/inbox?follow=99", as: token).status == 404)
        }
    }

    /// A stream of JSON lines has no ids, so the cursor is an event.
    @Test func `json lines contain the cursor`() async throws {
        try await withServer { _, access, client in
            let headers = HTTPTestClient.headers(as: try await access.token("ben"), ["Accept": "application/x-ndjson"])
            try await client.withEvents("/inbox", headers: headers) { stream in
                var types: [String] = []
                while types.last != "caught_up", let line = try await stream.nextLine() {
                    let json = try JSON(parsing: line.utf8)
                    types.append(json["type"]?.string ?? "")
                    if types.last == "cursor" { #expect(json["cursor"]?.string?.isEmpty == false) }
                }
                #expect(types == ["hello", "chat", "chat", "cursor", "caught_up"])
            }
        }
    }

    @Test func `a change through another server appears`() async throws {
        try await TestPostgres.withDatabase { url in
            var limits = StreamLimits()
            limits.checkInterval = .seconds(3_600)
            try await TestAccess.withPeer(url, limits) { other, otherClient in
                try await TestAccess.withPeer(url, limits) { access, client in
                    try await other.store.createChatOfAdaAndBen()
                    try await other.store.post("first", to: 1)
                    let headers = HTTPTestClient.headers(as: try await access.token("ben"))
                    try await client.withEvents("/inbox", headers: headers) { stream in
                        _ = try await stream.events(through: "caught_up")
                        let ben = try await other.token("ben")
                        _ = try await otherClient.send("PUT", "/chats/1/read", as: ben, body: #"{"seq":3}"#)
                        _ = try await stream.line("chat 1 first 0")
                        try await other.store.createChatOfAdaAndBen()
                        _ = try await stream.line("chat 2 0")
                        try await other.store.post("new", to: 2)
                        _ = try await stream.line("chat 2 new 1")
                    }
                }
            }
        }
    }

    @Test func `a lost signal is made up for`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(InterceptedStore(store, signals: LogSignals()))
            try await store.createChatOfAdaAndBen()
            var limits = StreamLimits()
            limits.checkInterval = .milliseconds(5)
            try await access.withServer(streamLimits: limits) { client in
                let headers = HTTPTestClient.headers(as: try await access.token("ben"))
                try await client.withEvents("/inbox", headers: headers) { stream in
                    _ = try await stream.events(through: "caught_up")
                    try await store.post("unheard", to: 1)
                    let event = try #require(try await stream.events(through: "chat").last)
                    #expect(InboxTests.summary(try event.json) == "chat 1 unheard 1")
                    #expect(try await stream.nextEvent()?.type == "cursor")
                }
            }
        }
    }

    @Test func `a caller without a user has no inbox`() async throws {
        try await withServer { _, access, client in
            let key = try await access.key(.admin)
            for path in ["/inbox", "/inbox?wait=0"] {
                #expect(try await client.send("GET", path, as: key).status == 403)
            }
        }
    }
}

extension ChatStore {
    fileprivate func createChatOfAdaAndBen() async throws {
        let draft = ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["ben"]))
        _ = try await createChat(draft, by: .ungranted("ada"))
    }

    fileprivate func post(_ text: String, to chat: ChatID) async throws {
        let post = LogChange.post(MessageDraft(text: try MessageText(text)))
        _ = try await recordMessage(post, in: chat, by: .ungranted("ada"))
    }
}

extension HTTPTestConnection {
    /// Waits for a line of an inbox, in short.
    ///
    /// A late signal can repeat a line.
    fileprivate mutating func line(_ line: String) async throws -> ServerSentEvent {
        while let event = try await nextEvent() {
            if InboxTests.summary(try event.json) == line { return event }
        }
        throw Ended(before: line)
    }

    private struct Ended: Error {
        let before: String
    }
}
