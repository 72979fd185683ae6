import ChatDomain
import ChatLive
import ChatTestSupport
import Testing

/// The stream of one chat on the wire.
@Suite(.timeLimit(.minutes(5)))
struct EventStreamTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `a stream has exactly these header fields and lines`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            try await client.createChats()
            let first = try await client.send("POST", "/chats/1/messages", body: #"{"text":"Hi 👋 é"}"#)
            try await client.withKeptConnection { connection in
                let head = try await connection.send("GET", "/chats/1/events?after=0")
                #expect(head.status == 200)
                #expect(head.headers["content-type"] == "text/event-stream")
                #expect(head.headers["cache-control"] == "no-store")
                #expect(head.headers["x-accel-buffering"] == "no")
                #expect(head.headers["transfer-encoding"] == "chunked")
                #expect(head.headers["content-length"] == nil)
                #expect(head.headers["x-request-id"] != nil)

                let retry = try #require(try await connection.nextLine())
                let delay = try #require(retry.wholeMatch(of: /retry: (\d+)/)?.1).description
                #expect((1_000...3_000).contains(Int(delay) ?? 0))
                let id = try #require(try await connection.nextLine())
                let epoch = try #require(id.wholeMatch(of: /id: ([0-9a-f]{8})\.0/)?.1)
                #expect(try await connection.nextLine() == "event: hello")
                let members = #""chat_id":1,"last_seq":1,"heartbeat_seconds":15"#
                let hello = #"data: {"type":"hello","epoch":"\#(epoch)",\#(members)}"#
                #expect(try await connection.nextLine() == hello)
                #expect(try await connection.nextLine() == "")
                try await expectMessage("\(epoch).1", first, on: &connection)
                #expect(try await connection.nextLine() == "id: \(epoch).1")
                #expect(try await connection.nextLine() == "event: caught_up")
                #expect(try await connection.nextLine() == #"data: {"type":"caught_up"}"#)
                #expect(try await connection.nextLine() == "")
                let second = try await client.send("POST", "/chats/1/messages", body: #"{"text":"again"}"#)
                try await expectMessage("\(epoch).2", second, on: &connection)
            }
        }
    }

    private func expectMessage(
        _ id: String,
        _ posted: HTTPTestResponse,
        on connection: inout HTTPTestConnection
    ) async throws {
        let at = try posted.json["created_at"]?.string ?? ""
        #expect(try await connection.nextLine() == "id: \(id)")
        #expect(try await connection.nextLine() == "event: message.created")
        let members =
            #""seq":\#(id.split(separator: ".")[1]),"type":"message.created","chat_id":1,"at":"\#(at)","message":\#(posted.text)"#
        #expect(try await connection.nextLine() == "data: {\(members)}")
        #expect(try await connection.nextLine() == "")
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a stream starts after its client's position`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            try await client.createChats()
            try await client.post("1", "2", "3")
            let cases: [(String, [String: String], [Int64?])] = [
                ("", [:], []), ("?after=0", [:], [1, 2, 3]), ("?after=2", [:], [3]), ("?after=3", [:], []),
                ("", ["Last-Event-ID": "1"], [2, 3]), ("?after=0", ["Last-Event-ID": "2"], [3]),
                ("?after=x", ["Last-Event-ID": "3"], []), ("?after=1", ["Last-Event-ID": ""], [2, 3]),
            ]
            for (query, headers, positions) in cases {
                try await client.withEvents("/chats/1/events" + query, headers: headers) { stream in
                    let events = try await stream.events(through: "caught_up")
                    #expect(events.first?.type == "hello")
                    let seen = try events.dropFirst().dropLast().map { try $0.position }
                    #expect(seen == positions)
                    #expect(events.last?.place == "3")
                    #expect(events.last?.data == #"{"type":"caught_up"}"#)
                    #expect(events.first?.place == "\(3 - positions.count)")
                }
            }
        }
    }

    @Test func `an invalid request for a stream is rejected`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats()
            try await client.post("1")
            let beyond = try await client.send("GET", "/chats/1/events?after=2")
            #expect(beyond.status == 422)
            let rule = "the log ends at 1"
            #expect(
                beyond.text == """
                    {"detail":[{"type":"value_error","loc":["query","after"],"msg":"Value error, \(rule)","input":2,\
                    "ctx":{"error":"\(rule)"}}],"code":"validation_failed"}
                    """
            )
            let header = try await client.send("GET", "/chats/1/events", headers: ["Last-Event-ID": "2"])
            #expect(header.status == 422)
            #expect(try header.json["detail"]?[0]?["loc"] == ["header", "last-event-id"])
            let gone = try await client.send("GET", "/chats/2/events?after=7")
            #expect(gone.status == 404)
            #expect(gone.text == #"{"detail":"Chat not found","code":"chat_not_found"}"#)
            for query in [
                "after=-1", "after=x", "after=", "after=9223372036854775808", "wait=-1", "wait=61", "wait=x",
                "wait=1.5",
            ] {
                #expect(try await client.send("GET", "/chats/1/events?\(query)").status == 422, "\(query)")
            }
            for id in ["x", "-1", "1-1", "99999999999999999999"] {
                let response = try await client.send("GET", "/chats/1/events", headers: ["Last-Event-ID": id])
                #expect(response.status == 422, "\(id)")
            }
            #expect(try await client.send("GET", "/chats/x/events").status == 422)
            #expect(try await client.send("POST", "/chats/1/events").status == 405)
        }
    }

    @Test(arguments: ["text/event-stream", "application/x-ndjson"])
    func `a quiet stream has a heartbeat`(_ accept: String) async throws {
        var limits = StreamLimits()
        limits.heartbeat = .seconds(1)
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats()
            try await client.withEvents("/chats/1/events", headers: ["Accept": accept]) { stream in
                var lines: [String] = []
                while lines.last?.hasSuffix(#"{"type":"caught_up"}"#) != true {
                    lines.append(try await stream.nextLine() ?? "")
                }
                let isEventStream = accept == "text/event-stream"
                #expect(lines[isEventStream ? 3 : 0].hasSuffix(#""heartbeat_seconds":1}"#))
                let heartbeat = isEventStream ? ["", ":", "", ":", ""] : ["", ""]
                for line in heartbeat {
                    #expect(try await stream.nextLine() == line)
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `deleting the chat ends the stream but not the connection`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            try await client.createChats()
            try await client.withEvents("/chats/1/events") { stream in
                _ = try await stream.events(through: "caught_up")
                #expect(try await client.send("DELETE", "/chats/1").status == 204)
                let last = ServerSentEvent(type: "chat.deleted", data: #"{"type":"chat.deleted","chat_id":1}"#)
                #expect(try await stream.nextEvent() == last)
                #expect(try await stream.nextEvent() == nil)
                #expect(try await stream.send("GET", "/health/live").status == 200)
                #expect(try await stream.send("GET", "/chats/1/events").status == 404)
                try await client.createChats()
                #expect(try await stream.send("GET", "/chats/2/events").status == 200)
                #expect(try await stream.events(through: "caught_up").count == 2)
                try await client.post("on the same connection", to: 2)
                #expect(try await stream.nextEvent()?.place == "1")
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `every change is an event that equals its log entry`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            try await client.createChats()
            try await client.withEvents("/chats/1/events") { stream in
                _ = try await stream.events(through: "caught_up")
                let changes = [
                    ("POST", "/messages", #"{"text":"one","metadata":{"a":[1.50]}}"#),
                    ("POST", "/messages", #"{"text":"two","reply_to":1}"#), ("PATCH", "", #"{"title":"renamed"}"#),
                    ("PATCH", "/messages/1", #"{"text":"uno"}"#), ("DELETE", "/messages/2", nil),
                ]
                let types = [
                    "message.created", "message.created", "chat.updated", "message.updated", "message.deleted",
                ]
                for (index, (method, path, body)) in changes.enumerated() {
                    _ = try await client.send(method, "/chats/1" + path, body: body)
                    let event = try #require(try await stream.nextEvent())
                    #expect(event.type == types[index])
                    #expect(event.place == "\(index + 1)")
                    let log = try await client.send("GET", "/chats/1/log?after=\(index)").textWithoutEpoch
                    let entry = event.data.replacing(#","chat_id":1,"at""#, with: #","at""#)
                    #expect(log == #"{"entries":[\#(entry)],"last_seq":\#(index + 1)}"#)
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `typing is delivered but not stored`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            try await client.createChats(2)
            try await client.withEvents("/chats/1/events") { stream in
                _ = try await stream.events(through: "caught_up")
                let accepted = try await client.send("POST", "/chats/1/typing", body: #"{"metadata":{"user":"Аня"}}"#)
                #expect(accepted.status == 204)
                #expect(accepted.body.isEmpty)
                #expect(try await client.send("POST", "/chats/2/typing", body: "{}").status == 204)
                #expect(try await client.send("POST", "/chats/1/typing", body: "{}").status == 204)
                try await client.post("at last")
                let named = try #require(try await stream.nextEvent())
                let at = try #require(try named.json["at"]?.string)
                #expect(
                    named
                        == ServerSentEvent(
                            type: "typing",
                            data: #"{"type":"typing","chat_id":1,"at":"\#(at)","metadata":{"user":"Аня"}}"#
                        )
                )
                let unnamed = try #require(try await stream.nextEvent())
                #expect(unnamed.data.wholeMatch(of: /\{"type":"typing","chat_id":1,"at":"[^"]+"\}/) != nil)
                #expect(try await stream.nextEvent()?.place == "1")
            }
            #expect(try await client.send("GET", "/chats/1").json["last_seq"] == 1)
            #expect(try await client.send("POST", "/chats/3/typing", body: "{}").status == 404)
            let large = #"{"metadata":{"k":"\#(String(repeating: "x", count: 1_017))"}}"#
            #expect(try await client.send("POST", "/chats/1/typing", body: large).status == 422)
            #expect(try await client.send("POST", "/chats/1/typing", body: "[]").status == 422)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a stream is also available as JSON lines`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            try await client.createChats()
            try await client.post("one")
            try await client.withKeptConnection { connection in
                let head = try await connection.send(
                    "GET",
                    "/chats/1/events?after=0",
                    headers: ["Accept": "text/html, Application/X-NDJSON"]
                )
                #expect(head.headers["content-type"] == "application/x-ndjson")
                #expect(head.headers["cache-control"] == "no-store")
                let hello = #"{"type":"hello","chat_id":1,"last_seq":1,"heartbeat_seconds":15}"#
                let line = try #require(try await connection.nextLine())
                #expect(line.replacing(/"epoch":"[0-9a-f]{8}",/, with: "") == hello)
                let entry = try #require(try await connection.nextLine())
                #expect(entry.hasPrefix(#"{"seq":1,"type":"message.created","chat_id":1,"at":""#))
                #expect(try await connection.nextLine() == #"{"type":"caught_up"}"#)
                _ = try await client.send("DELETE", "/chats/1")
                #expect(try await connection.nextLine() == #"{"type":"chat.deleted","chat_id":1}"#)
                #expect(try await connection.nextLine() == nil)
            }
        }
    }

    @Test func `HEAD for a stream returns only its header fields`() async throws {
        var limits = StreamLimits()
        limits.maximumStreams = 1
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats()
            try await client.withKeptConnection { connection in
                for path in ["/chats/1/events", "/events", "/events?chats=1", "/chats/1/events?wait=0"] {
                    let head = try await connection.send("HEAD", path)
                    #expect(head.status == 200, "\(path)")
                }
                #expect(try await connection.send("HEAD", "/chats/1/events?after=1").status == 422)
                // None of them has kept the only slot.
                #expect(try await connection.send("GET", "/chats/1/events").status == 200)
            }
        }
    }

    /// From far behind, while messages are posted, so that replayed and signalled entries overlap in every way.
    @Test(arguments: StoreUnderTest.allCases)
    func `a replay joins the live events without gaps or repeats`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            _ = try await store.createChat(titled: ChatTitle("long"))
            try await database.fill(1, messages: 1_050)
            try await withServer(store) { client in
                try await withThrowingDiscardingTaskGroup { group in
                    group.addTask {
                        for number in 1...40 { try await client.post("\(number)") }
                    }
                    for start in [0, 1, 949, 950, 1_000, 1_049, 1_050] as [Int64] {
                        group.addTask {
                            try await client.withEvents("/chats/1/events?after=\(start)") { stream in
                                var position = start
                                var caughtUp = 0
                                while position < 1_090 || caughtUp == 0, let event = try await stream.nextEvent() {
                                    if event.type == "caught_up" { caughtUp += 1 }
                                    guard event.type == "message.created" else { continue }
                                    #expect(event.place == "\(position + 1)")
                                    position += 1
                                }
                                #expect((position, caughtUp) == (1_090, 1))
                            }
                        }
                    }
                }
            }
        }
    }
}
