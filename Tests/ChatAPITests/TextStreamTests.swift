import ChatDomain
import ChatLive
import ChatTestSupport
import Testing

/// Reading the text of a message while it is written.
@Suite(.timeLimit(.minutes(5)))
struct TextStreamTests {
    private static let text = "/chats/1/messages/1/text"
    private static let jsonLines = ["Accept": "application/x-ndjson"]
    private static let serverSentEvents = ["Accept": "text/event-stream"]

    /// Opens the message 1 of chat 1.
    private func withOpenMessage(
        on store: StoreUnderTest = .sqliteInMemory,
        startingWith text: String = "Hel",
        _ limits: StreamLimits = StreamLimits(),
        _ body: (HTTPTestClient) async throws -> Void
    ) async throws {
        try await withServer(on: store, streamLimits: limits) { client in
            try await client.openMessage(text)
            try await body(client)
        }
    }

    // MARK: Plain text

    @Test(arguments: StoreUnderTest.allCases)
    func `plain text grows until the message ends`(_ store: StoreUnderTest) async throws {
        try await withOpenMessage(on: store) { client in
            try await client.withEvents("\(Self.text)?at=1") { stream async throws in
                #expect(try await stream.nextText() == "el")
                try await client.append("lo, 👩‍👩‍👧", at: 3)
                #expect(try await stream.text(through: "👩‍👩‍👧") == "lo, 👩‍👩‍👧")
                try await client.append("!", at: 12)
                try await client.finish()
                #expect(try await stream.text(through: nil) == "!")
                // The connection is free for the next request.
                let whole = try await stream.send("GET", "\(Self.text)?at=1")
                #expect(whole.text == "ello, 👩‍👩‍👧!")
                #expect(whole.headers["content-type"] == "text/plain; charset=utf-8")
                #expect(whole.headers["cache-control"] == "no-store")
            }
        }
    }

    @Test func `an empty message has text as soon as it is written`() async throws {
        try await withOpenMessage(startingWith: "") { client in
            try await client.withEvents(Self.text, headers: ["Accept": "text/plain"]) { stream async throws in
                try await client.append("Hello", at: 0)
                #expect(try await stream.nextText() == "Hello")
                try await client.finish(#","text":"Hello!""#)
                #expect(try await stream.text(through: nil) == "!")
            }
        }
    }

    @Test(arguments: [
        (#"PATCH /chats/1/messages/1 {"state":"done","text":"Help"}"#, 200), ("DELETE /chats/1/messages/1", 204),
        ("DELETE /chats/1", 204),
    ])
    func `plain text that is taken back breaks off`(_ request: String, _ status: Int) async throws {
        try await withOpenMessage(startingWith: "Hello") { client in
            try await client.withEvents(Self.text) { stream async throws in
                #expect(try await stream.nextText() == "Hello")
                let words = request.split(separator: " ", maxSplits: 2).map(String.init)
                let body = words.count == 3 ? words[2] : nil
                #expect(try await client.send(words[0], words[1], body: body).status == status)
                await #expect(throws: HTTPTestConnection.Cut.self) { try await stream.nextText() }
            }
        }
    }

    @Test func `a reader that does not read gets the whole text in the end`() async throws {
        try await withOpenMessage(startingWith: "") { client in
            try await client.withKeptConnection(receiveBuffer: 4_096) { stream async throws in
                #expect(try await stream.send("GET", Self.text).status == 200)
                let piece = String(repeating: "👋", count: 4_096)
                for number in 0..<8 {
                    try await client.append(piece, at: number * 4_096)
                }
                try await client.finish()
                #expect(try await stream.text(through: nil) == String(repeating: "👋", count: 32_768))
            }
        }
    }

    // MARK: Events

    @Test(arguments: [jsonLines, serverSentEvents])
    func `events of one message end with its entry`(_ headers: [String: String]) async throws {
        try await withOpenMessage { client in
            #expect(try await client.send("POST", "/chats/1/messages", body: #"{"open":true}"#).status == 201)
            try await client.withEvents("\(Self.text)?at=1", headers: headers) { stream async throws in
                func next() async throws -> JSON? {
                    guard headers == Self.jsonLines else { return try await stream.nextEvent()?.json }
                    return try await stream.nextLine().map { try JSON(parsing: $0.utf8) }
                }
                let first: JSON = ["type": "message.appended", "chat_id": 1, "message_id": 1, "at": 1, "text": "el"]
                #expect(try await next() == first)
                // None of this is about the message.
                try await client.append("other", at: 0, of: 2)
                try await client.finish(message: 2)
                try await client.post("whole")
                #expect(try await client.send("POST", "/chats/1/typing", body: "{}").status == 204)
                try await client.append("lo", at: 3, status: "Thinking")
                let second = try #require(try await next())
                #expect(second["at"] == 3 && second["text"] == "lo" && second["status"] == "Thinking")
                try await client.finish()
                let last = try #require(try await next())
                #expect(last["type"] == "message.updated" && last["seq"] == 5)
                #expect(last["message"]?["text"] == "Hello" && last["message"]?["state"] == "done")
                #expect(try await next() == nil)
            }
        }
    }

    @Test(arguments: [("1", "message.deleted"), ("", "chat.deleted")])
    func `the deletion of the message or its chat ends the events`(_ id: String, _ type: String) async throws {
        try await withOpenMessage { client in
            try await client.withEvents(Self.text, headers: Self.jsonLines) { stream async throws in
                _ = try await stream.nextLine()
                let path = id.isEmpty ? "/chats/1" : "/chats/1/messages/1"
                #expect(try await client.send("DELETE", path).status == 204)
                let last = try JSON(parsing: try #require(try await stream.nextLine()).utf8)
                #expect(last["type"] == .string(type))
                #expect(try await stream.nextLine() == nil)
            }
        }
    }

    @Test(arguments: [true, false])
    func `the events of a message that is not open come at once`(_ wasOpen: Bool) async throws {
        try await withOpenMessage(startingWith: "Hello") { client in
            try await client.post("Hello")
            try await client.finish()
            let path = "/chats/1/messages/\(wasOpen ? 1 : 2)"
            let lines = try await client.send("GET", "\(path)/text?at=5", headers: Self.jsonLines).text.split(
                separator: "\n"
            )
            let events = try lines.map { try JSON(parsing: $0.utf8) }
            #expect(events.map { $0["type"] } == ["message.appended", "message.created"])
            #expect(events[0]["at"] == 5 && events[0]["text"] == "")
            #expect(try await client.send("GET", path).json == events[1]["message"])
            let sent = try await client.send("GET", "\(path)/text", headers: Self.serverSentEvents)
            #expect(sent.headers["content-type"] == "text/event-stream")
            #expect(sent.text.hasPrefix("event: message.appended\ndata: {"))
            #expect(sent.text.contains(#""at":0,"text":"Hello"}"# + "\n\nid: "))
        }
    }

    // MARK: Several servers

    /// The servers exchange entries of the log, and no text.
    @Test func `a takeover by another server continues the text`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            try await withServer(store) { one in
                try await withServer(store) { two in
                    try await one.openMessage("Hel")
                    try await one.withEvents(Self.text) { first async throws in
                        #expect(try await first.nextText() == "Hel")
                        try await two.withEvents(Self.text) { second async throws in
                            #expect(try await second.nextText() == "Hel")
                            try await two.append("lo", at: 3)
                            #expect(try await second.nextText() == "lo")
                            try await two.finish()
                            #expect(try await second.nextText() == nil)
                        }
                        #expect(try await first.text(through: nil) == "lo")
                    }
                }
            }
        }
    }

    // MARK: Long polls

    @Test func `a poll returns what there is, what comes next, and the end`() async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 1
        try await withOpenMessage(limits) { client in
            func poll(_ query: String) -> Task<JSON, any Error> {
                Task {
                    while true {
                        let response = try await client.send("GET", "\(Self.text)?\(query)")
                        // `held` may have had the slot.
                        if response.status != 503 { return try response.json }
                    }
                }
            }
            func held() async throws {
                while try await client.send("GET", "\(Self.text)?wait=0").status != 503 {}
            }
            let now: JSON = ["at": 1, "text": "el", "state": "open", "length": 3]
            #expect(try await poll("at=1&wait=55").value == now)
            #expect(try await poll("at=3&wait=1").value == ["at": 3, "text": "", "state": "open", "length": 3])
            try await client.append("", at: 3, status: "Searching")
            let busy: JSON = ["at": 3, "text": "", "state": "open", "length": 3, "status": "Searching"]
            #expect(try await poll("at=3&wait=0").value == busy)
            let next = poll("at=3&wait=55")
            try await held()
            try await client.append("", at: 3, status: "Thinking")
            try await client.append("lo", at: 3)
            #expect(try await next.value == ["at": 3, "text": "lo", "state": "open", "length": 5])
            let last = poll("at=5&wait=55")
            try await held()
            try await client.finish()
            let end: JSON = ["at": 5, "text": "", "state": "done", "length": 5]
            #expect(try await last.value == end)
            #expect(try await poll("at=5&wait=55").value == end)
        }
    }

    // MARK: Refusals and ends

    @Test func `a text that cannot be read from there is refused`() async throws {
        try await withOpenMessage { client in
            try await client.post("whole", "deleted")
            #expect(try await client.send("DELETE", "/chats/1/messages/3").status == 204)
            for (path, status, code) in [
                ("/chats/1/messages/1/text?at=4", 409, "offset_mismatch"),
                ("/chats/1/messages/1/text?at=4&wait=1", 409, "offset_mismatch"),
                ("/chats/1/messages/2/text?at=6", 409, "offset_mismatch"),
                ("/chats/1/messages/3/text", 404, "message_not_found"),
                ("/chats/1/messages/9/text?wait=0", 404, "message_not_found"),
                ("/chats/9/messages/1/text", 404, "chat_not_found"),
                ("/chats/1/messages/1/text?at=-1", 422, "validation_failed"),
                ("/chats/1/messages/1/text?at=32769", 422, "validation_failed"),
                ("/chats/1/messages/1/text?wait=56", 422, "validation_failed"),
            ] {
                for headers in [[:], Self.jsonLines, Self.serverSentEvents] {
                    let response = try await client.send("GET", path, headers: headers)
                    #expect(response.status == status, "\(path)")
                    #expect(try response.json["code"] == .string(code))
                    let length = try response.json["length"]
                    #expect(length == (status == 409 ? (path.contains("/2/") ? 5 : 3) : nil))
                    if path.hasSuffix("at=4") {
                        #expect(try response.json["detail"] == "The text has only 3 characters")
                    }
                }
            }
        }
    }

    @Test func `HEAD returns only the header fields`() async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 1
        try await withOpenMessage(limits) { client in
            try await client.post("whole")
            try await client.withKeptConnection { connection async throws in
                for path in [Self.text, "/chats/1/messages/2/text", "\(Self.text)?wait=0"] {
                    for headers in [[:], Self.jsonLines] {
                        #expect(try await connection.send("HEAD", path, headers: headers).status == 200, "\(path)")
                    }
                }
                // None of them has kept the only slot.
                #expect(try await connection.send("GET", Self.text).status == 200)
                #expect(try await client.send("GET", Self.text).status == 503)
            }
        }
    }

    @Test(arguments: [[:], jsonLines])
    func `a reader whose credential becomes void loses the stream`(_ accept: [String: String]) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store)
            try await access.withServer { client in
                let key = HTTPTestClient.headers(as: try await access.key(.admin))
                try await client.openMessage("Hello", headers: key)
                let token = try await access.token(grants: Grants(everywhere: .reader))
                let headers = HTTPTestClient.headers(as: token).merging(accept) { $1 }
                try await client.withEvents(Self.text, headers: headers) { stream async throws in
                    let first = accept.isEmpty ? try await stream.nextText() : try await stream.nextLine()
                    #expect(first?.contains("Hello") == true)
                    try await store.revokeTokens(of: "ada")
                    if accept.isEmpty {
                        await #expect(throws: HTTPTestConnection.Cut.self) { try await stream.nextText() }
                    } else {
                        #expect(try await stream.nextLine() == #"{"type":"unauthorized","reason":"token_revoked"}"#)
                        #expect(try await stream.nextLine() == nil)
                    }
                }
            }
        }
    }

    @Test func `a member who leaves the chat loses the stream`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let access = try await TestAccess(store)
            try await access.withServer { client in
                let ada = HTTPTestClient.headers(as: try await access.token("ada"))
                let ben = HTTPTestClient.headers(as: try await access.token("ben"))
                try await client.openMessage("Hello", headers: ada, members: ["ben"])
                try await client.withEvents(Self.text, headers: ben) { stream async throws in
                    #expect(try await stream.nextText() == "Hello")
                    #expect(try await client.send("DELETE", "/chats/1/members/ben", headers: ben).status == 204)
                    await #expect(throws: HTTPTestConnection.Cut.self) { try await stream.nextText() }
                }
            }
        }
    }

    @Test func `a shutdown cuts plain text off and tells readers of events to reconnect`() async throws {
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let readers = try await withServer(on: .sqliteInMemory) { client in
            try await client.openMessage("Hello")
            let plain = Task {
                try await client.withEvents(Self.text) { stream async throws in
                    #expect(try await stream.nextText() == "Hello")
                    start.yield()
                    _ = try await stream.nextText()
                }
            }
            let events = Task {
                try await client.withEvents(Self.text, headers: Self.serverSentEvents) { stream async throws in
                    _ = try await stream.nextEvent()
                    start.yield()
                    let last = try await stream.nextEvent()?.type
                    return (last, try await stream.nextEvent())
                }
            }
            for await _ in started.prefix(2) {}
            return (plain, events)
        }
        await #expect(throws: HTTPTestConnection.Cut.self) { try await readers.0.value }
        let (last, end) = try await readers.1.value
        #expect(last == "reconnect" && end == nil)
    }
}

extension HTTPTestClient {
    /// Creates chat 1 and opens message 1 in it.
    fileprivate func openMessage(
        _ text: String,
        headers: [String: String] = [:],
        members: [String] = []
    ) async throws {
        let names = members.map { #""\#($0)""# }.joined(separator: ",")
        let chat = members.isEmpty ? #"{"title":"chat"}"# : #"{"title":"chat","members":[\#(names)]}"#
        _ = try await send("POST", "/chats", headers: headers, body: chat)
        let message = #"{"open":true,"text":"\#(text)"}"#
        #expect(try await send("POST", "/chats/1/messages", headers: headers, body: message).status == 201)
    }

    fileprivate func append(_ text: String, at offset: Int, of message: Int = 1, status: String? = nil) async throws {
        let path = "/chats/1/messages/\(message)/text?at=\(offset)"
        let status = status.map { #","status":"\#($0)""# } ?? ""
        #expect(try await send("POST", path, body: #"{"text":"\#(text)"\#(status)}"#).status == 200)
    }

    fileprivate func finish(_ fields: String = "", message: Int = 1) async throws {
        let body = #"{"state":"done"\#(fields)}"#
        #expect(try await send("PATCH", "/chats/1/messages/\(message)", body: body).status == 200)
    }
}

extension HTTPTestConnection {
    /// Reads plain text up to a suffix, or to its end.
    fileprivate mutating func text(through suffix: String?) async throws -> String {
        var text = ""
        while suffix.map({ !text.hasSuffix($0) }) ?? true, let part = try await nextText() {
            text += part
        }
        return text
    }
}
