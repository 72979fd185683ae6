import ChatAPI
import ChatArchives
import ChatDomain
import ChatLive
import ChatTestSupport
import Synchronization
import Testing

/// Histories that go backward: clients do not miss what replaced the entries they have seen.
@Suite(.timeLimit(.minutes(5)))
struct EpochTests {
    /// Rewinds the first chat to its first three messages.
    private static let rewind = """
        DELETE FROM messages WHERE seq > 3;
        UPDATE chats SET last_seq = 3, message_count = 3 WHERE id = 1;
        """
    private static let clear = """
        DELETE FROM messages;
        UPDATE chats SET last_seq = 0, message_count = 0, last_message_at = NULL WHERE id = 1;
        """
    private static let streams = ["/chats/1/events", "/events?chats=1,2", "/events"]

    private func texts(_ events: [ServerSentEvent]) throws -> [String] {
        try events.compactMap { try $0.json["message"]?["text"]?.string }
    }

    private func data(_ epoch: Epoch) -> String {
        #"{"type":"reset","epoch":"\#(epoch.text)"}"#
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a request that continues from another epoch is rejected`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            try await withServer(store) { client in
                try await client.createChats(3)
                try await client.post("1", "2", "3")
                let old = try #require(try await client.send("GET", "/chats/1/log").json["epoch"]?.string)
                let cursor = try #require(try await client.send("GET", "/chats?limit=1").json["next_cursor"]?.string)
                let paths = [
                    "log?after=PLACE", "messages?after=PLACE", "messages?before=PLACE", "messages?around=PLACE",
                    "events?wait=0&after=PLACE",
                ].map { "/chats/1/" + $0 }
                for path in paths {
                    let page = try await client.send("GET", path.replacing("PLACE", with: "\(old).2"))
                    #expect(page.status == 200)
                    #expect(try page.json["epoch"] == .string(old))
                    let plain = try await client.send("GET", path.replacing("PLACE", with: "2"))
                    #expect(plain.text == page.text)
                }
                #expect(try await client.send("GET", "/chats?cursor=\(cursor)").status == 200)
                let new = try await store.renewEpoch()
                let position =
                    "The position belongs to another epoch. Read the chat again and continue in epoch \(new.text)"
                var refusals = paths.map { ($0.replacing("PLACE", with: "\(old).2"), position) }
                refusals.append(
                    (
                        "/chats?cursor=\(cursor)",
                        "The cursor belongs to another epoch. Start again without it, in epoch \(new.text)"
                    )
                )
                for (path, detail) in refusals {
                    let refused = try await client.send("GET", path)
                    #expect(refused.status == 409, "\(path)")
                    #expect(refused.text == #"{"detail":"\#(detail)","code":"epoch_changed"}"#)
                }
                for path in paths {
                    #expect(try await client.send("GET", path.replacing("PLACE", with: "2")).status == 200)
                    #expect(try await client.send("GET", path.replacing("PLACE", with: "\(new.text).2")).status == 200)
                }
                for place in ["\(new.text).", "\(new.text).-1", "\(new.text).x", "7f3c.1", ".1", "7F3C9A01.1"] {
                    #expect(try await client.send("GET", "/chats/1/log?after=\(place)").status == 422, "\(place)")
                }
            }
        }
    }

    /// An `EventSource` gives up for good on any status but 200, and reconnects with the last id it received.
    @Test(arguments: StoreUnderTest.allCases)
    func `a browser that reconnects from another epoch is reset`(_ store: StoreUnderTest) async throws {
        try await store.withStore { store in
            try await withServer(store) { client in
                try await client.createChats(2)
                try await client.post("1", "2")
                var ids: [String: String] = [:]
                for path in Self.streams {
                    ids[path] = try await client.withEvents(path) { stream in
                        _ = try await stream.events(through: "caught_up")
                        return stream.lastEventID
                    }
                }
                let epoch = try await store.renewEpoch()
                for path in Self.streams {
                    var id = try #require(ids[path])
                    try await client.withKeptConnection { connection in
                        let head = try await connection.send("GET", path, headers: ["Last-Event-ID": id])
                        #expect(head.status == 200)
                        #expect(head.headers["content-type"] == "text/event-stream")
                        let event = try #require(try await connection.nextEvent())
                        #expect((event.type, event.data) == ("reset", data(epoch)))
                        #expect(event.retry != nil)
                        id = try #require(event.id)
                        #expect(try await connection.nextEvent() == nil)
                    }
                    try await client.withEvents(path, headers: ["Last-Event-ID": id]) { stream in
                        let events = try await stream.events(through: "caught_up")
                        #expect(try texts(events) == ["1", "2"])
                    }
                }
                let old = ids["/chats/1/events"] ?? ""
                for path in ["/chats/1/events?after=\(old)", "/events?chats=1:\(old),2"] {
                    try await client.withEvents(path) { stream in
                        let (event, end) = (try await stream.nextEvent(), try await stream.nextEvent())
                        #expect(event?.type == "reset")
                        #expect(end == nil)
                    }
                }
                let lines = ["Accept": "application/x-ndjson"]
                try await client.withEvents("/chats/1/events?after=\(old)", headers: lines) { stream in
                    let (line, end) = (try await stream.nextLine(), try await stream.nextLine())
                    #expect(line == data(epoch))
                    #expect(end == nil)
                }
            }
        }
    }

    /// Subscribes to a chat, and again after the reset.
    private func expectReset(ofSocketOf client: HTTPTestClient, onCaughtUp: @Sendable () -> Void) async throws {
        try await client.withSocket { socket in
            _ = try await socket.next()
            try await socket.send(#"{"op":"subscribe","chat_id":1}"#)
            let old = try await socket.next()["epoch"]?.string ?? ""
            let next = try await socket.next()
            #expect(next["type"] == "caught_up")
            onCaughtUp()
            let reset = try await socket.next()
            #expect(reset["type"] == "reset")
            let new = try #require(reset["epoch"]?.string)
            try await socket.send(#"{"op":"subscribe","chat_id":1,"after":"\#(old).2"}"#)
            let refused = try await socket.next()
            #expect(refused["ok"] == false)
            #expect(refused["code"] == "epoch_changed")
            try await socket.send(#"{"op":"subscribe","chat_id":1,"after":"\#(new).1"}"#)
            #expect(try await socket.next()["epoch"] == .string(new))
            #expect(try await socket.next()["message"]?["text"] == "2")
        }
    }

    /// Another process changes it without a signal: the next poll or the next message reveals it.
    @Test(arguments: StoreUnderTest.allCases, [true, false])
    func `open streams end when the epoch changes`(_ store: StoreUnderTest, isLookedAfter: Bool) async throws {
        var limits = StreamLimits()
        limits.checkInterval = isLookedAfter ? .milliseconds(50) : .seconds(3_600)
        try await store.withStore { store in
            try await withServer(store, streamLimits: limits) { client in
                try await client.createChats(2)
                try await client.post("1", "2")
                let (beginnings, begin) = AsyncStream.makeStream(of: Void.self)
                try await withThrowingDiscardingTaskGroup { group in
                    for path in Self.streams {
                        group.addTask {
                            let id = try await client.withEvents(path) { stream in
                                _ = try await stream.events(through: "caught_up")
                                begin.yield()
                                let last = try await stream.nextEvent()
                                #expect(last?.type == "reset", "\(path)")
                                #expect(try await stream.nextEvent() == nil)
                                return last?.id ?? ""
                            }
                            try await client.withEvents(path, headers: ["Last-Event-ID": id]) { stream in
                                let events = try await stream.events(through: "caught_up")
                                #expect(try texts(events).prefix(2) == ["1", "2"])
                            }
                        }
                    }
                    group.addTask {
                        try await expectReset(ofSocketOf: client) { begin.yield() }
                    }
                    var begun = beginnings.makeAsyncIterator()
                    for _ in 0...Self.streams.count { await begun.next() }
                    _ = try await store.renewEpoch()
                    if !isLookedAfter {
                        try await client.post("3")
                    }
                }
            }
        }
    }

    /// A backup is restored under the running server, without `epoch renew`.
    @Test(arguments: StoreUnderTest.allCases, [true, false])
    func `a subscriber is reset when a log goes backward`(_ store: StoreUnderTest, isLookedAfter: Bool) async throws {
        var limits = StreamLimits()
        limits.checkInterval = isLookedAfter ? .milliseconds(50) : .seconds(3_600)
        try await store.withStoreAndSQL { store, database in
            try await withServer(store, streamLimits: limits) { client in
                try await client.createChats(2)
                for path in Self.streams {
                    try await client.post("1", "2", "3")
                    let id = try await client.withEvents(path) { stream in
                        _ = try await stream.events(through: "caught_up")
                        try await client.post("4", "5", "6")
                        for _ in 4...6 { #expect(try await stream.nextEvent()?.type == "message.created") }
                        try await database.execute(Self.rewind)
                        if !isLookedAfter {
                            try await client.post("another 4")
                        }
                        let last = try await stream.nextEvent()
                        #expect(last?.type == "reset", "\(path)")
                        #expect(try await stream.nextEvent() == nil)
                        return last?.id ?? ""
                    }
                    try await client.withEvents(path, headers: ["Last-Event-ID": id]) { stream in
                        let shown = try texts(try await stream.events(through: "caught_up"))
                        #expect(shown == ["1", "2", "3"] + (isLookedAfter ? [] : ["another 4"]))
                    }
                    // A client that was away has seen positions after the log's end.
                    let place = try await client.send("GET", "/chats/1/log").json["epoch"]?.string ?? ""
                    try await client.withEvents("/chats/1/events", headers: ["Last-Event-ID": "\(place).6"]) { stream in
                        let event = try await stream.nextEvent()
                        #expect(event?.type == "reset")
                    }
                    #expect(try await client.send("GET", "/chats/1/log?after=\(place).6").status == 409)
                    try await database.execute(Self.clear)
                }
            }
        }
    }

    /// The rewritten log passes the clients' positions before a poll: its rest must not follow what they have.
    @Test(arguments: StoreUnderTest.allCases, [true, false])
    func `a subscriber is not sent the rest of a rewritten log`(_ store: StoreUnderTest, isSignalled: Bool) async throws
    {
        var limits = StreamLimits()
        limits.checkInterval = .seconds(3_600)
        try await store.withStoreAndSQL { base, database in
            let store = InterceptedStore(base, signals: isSignalled ? nil : LogSignals())
            try await withServer(store, streamLimits: limits) { client in
                try await client.createChats(2)
                for path in Self.streams {
                    try await client.post("1", "2", "3", "4", "5", "6")
                    try await client.withEvents(path) { stream in
                        _ = try await stream.events(through: "caught_up")
                        try await database.execute(Self.rewind)
                        try await client.post("another 4", "another 5", "another 6", "another 7")
                        if !isSignalled {
                            store.signals.receive(.moved([1: 7]))
                        }
                        #expect(try await stream.nextEvent()?.type == "reset", "\(path)")
                        #expect(try await stream.nextEvent() == nil)
                    }
                    try await database.execute(Self.clear)
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a gap in a log is an error and not an endless loop`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { base, database in
            let reads = Atomic(0)
            let store = InterceptedStore(base) { read throws(StoreError) in
                if case .log = read { reads.add(1, ordering: .relaxed) }
            }
            try await withServer(store) { client in
                try await client.createChats(2)
                try await client.post("1", "2", "3")
                try await database.execute("DELETE FROM messages WHERE seq = 2")
                for path in ["/chats/1/events?after=0", "/events?chats=1:0,2"] {
                    try await client.withEvents(path) { stream in
                        let events = try await stream.events(through: "failed")
                        #expect(try texts(events) == ["1"])
                        let failure = try #require(events.last)
                        let detail = "The chat has nothing at position 2"
                        #expect(
                            failure.data
                                == #"{"type":"failed","code":"log_damaged","chat_id":1,"detail":"\#(detail)"}"#
                        )
                        #expect((failure.retry ?? 0) >= 30_000)
                        #expect(try await stream.nextEvent() == nil)
                    }
                }
                try await client.withSocket { socket in
                    _ = try await socket.next()
                    try await socket.send(#"{"op":"subscribe","chat_id":1,"after":0}"#)
                    for _ in 1...2 { _ = try await socket.next() }
                    #expect(try await socket.next()["code"] == "log_damaged")
                    try await socket.send(#"{"op":"ping"}"#)
                    #expect(try await socket.next()["op"] == "ping")
                }
                #expect(reads.load(ordering: .relaxed) <= 6)
                for path in ["log?after=1", "events?wait=1&after=1"] {
                    #expect(try await client.send("GET", "/chats/1/\(path)").status == 500)
                }
                #expect(try await client.send("GET", "/chats/1/log?after=2").status == 200)
            }
            await #expect(throws: StoreError.failed(reason: "chat 1 has nothing at position 2")) {
                _ = try await ChatExport(base).run(nil) { _, _ in }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the latest messages are read again after the epoch changes`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, database in
            try await withServer(store) { client in
                try await client.createChats()
                try await client.post("old")
                for _ in 1...2 {
                    #expect(try await client.send("GET", "/chats/1").text.contains("old"))
                }
                try await database.execute("UPDATE messages SET text = 'new'")
                _ = try await store.renewEpoch()
                #expect(try await client.send("GET", "/chats/1").text.contains("new"))
            }
        }
    }
}
