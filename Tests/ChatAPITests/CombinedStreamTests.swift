import ChatDomain
import ChatLive
import ChatTestSupport
import Synchronization
import Testing

/// Many chats in one stream.
@Suite(.timeLimit(.minutes(5)))
struct CombinedStreamTests {
    private func place(_ event: ServerSentEvent) throws -> [Int64] {
        let json = try event.json
        return [json["chat_id"]?.integer, json["seq"]?.integer].compactMap { $0 }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `one stream carries several chats`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            try await client.createChats(3)
            try await client.post("1", "2")
            try await client.post("1", to: 2)
            var id = ""
            try await client.withEvents("/events?chats=1:0,2,1") { stream in
                let events = try await stream.events(through: "caught_up")
                let chats = #"[{"chat_id":1,"last_seq":2},{"chat_id":2,"last_seq":1}]"#
                let epoch = try #require(try events[0].json["epoch"]?.string)
                #expect(
                    events[0].data == #"{"type":"hello","epoch":"\#(epoch)","chats":\#(chats),"heartbeat_seconds":15}"#
                )
                #expect(events[0].id == nil)
                let replayed = try events.dropFirst().dropLast().map(place)
                #expect(replayed == [[1, 1], [1, 2]])
                #expect(events.last?.data == #"{"type":"caught_up"}"#)
                try await client.post("not asked for", to: 3)
                #expect(try await client.send("POST", "/chats/2/typing", body: "{}").status == 204)
                try await client.post("2", to: 2)
                let typing = try #require(try await stream.nextEvent())
                #expect((typing.type, typing.id) == ("typing", nil))
                let event = try #require(try await stream.nextEvent())
                #expect(event.type == "message.created")
                #expect(try place(event) == [2, 2])
                let token = try #require(event.id)
                #expect(token.wholeMatch(of: /[0-9a-f]{8}\.[0-9a-z-]+/) != nil)
                id = token
            }
            try await client.post("3")
            try await client.post("3", to: 2)
            for (query, headers) in [("chats=1,2", ["Last-Event-ID": id]), ("chats=2:0,1&after=\(id)", [:])] {
                try await client.withEvents("/events?\(query)", headers: headers) { stream in
                    let events = try await stream.events(through: "caught_up")
                    let replayed = try events.dropFirst().dropLast().map(place)
                    #expect(Set(replayed) == [[1, 3], [2, 3]])
                    #expect(events.count == 4)
                }
            }
        }
    }

    @Test func `an invalid list of chats is rejected`() async throws {
        var limits = StreamLimits()
        limits.maximumChats = 2
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats(2)
            for query in [
                "chats=", "chats=x", "chats=1,", "chats=1:", "chats=1:x", "chats=1:-1", "chats=1:1", "chats=1:2:3",
                "chats=1,2,3", "chats=1&after=1", "after=0",
            ] {
                let response = try await client.send("GET", "/events?\(query)")
                #expect(response.status == 422, "\(query)")
                #expect(try response.json["code"] == "validation_failed")
            }
            #expect(try await client.send("GET", "/events?chats=1,7").status == 404)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a stream of all chats includes chats created later`(_ store: StoreUnderTest) async throws {
        var limits = StreamLimits()
        limits.checkInterval = .seconds(3_600)
        try await withServer(on: store, streamLimits: limits) { client in
            try await client.createChats(2)
            try await client.post("before")
            var id = ""
            try await client.withEvents("/events") { stream in
                #expect(try await stream.events(through: "caught_up").count == 2)
                try await client.createChats()
                let created = try #require(try await stream.nextEvent())
                #expect(created.type == "chat.created")
                let shown = try await client.send("GET", "/chats/?limit=1").json["chats"]?[0]
                #expect(try created.json == ["type": "chat.created", "chat_id": 3, "chat": shown ?? .null])
                try await client.post("first", to: 3)
                let event = try #require(try await stream.nextEvent())
                #expect(try place(event) == [3, 1])
                _ = try await client.send("DELETE", "/chats/2")
                let deleted = try #require(try await stream.nextEvent())
                #expect(deleted.data == #"{"type":"chat.deleted","chat_id":2}"#)
                id = try #require(deleted.id)
            }
            // Changes while no stream is open.
            try await client.createChats()
            try await client.post("1", "2", to: 4)
            try await client.post("second")
            _ = try await client.send("DELETE", "/chats/3")
            try await client.withEvents("/events", headers: ["Last-Event-ID": id]) { stream in
                var events = try await stream.events(through: "caught_up")
                // A deletion is reported independently of the replay, so it may come after it.
                if !events.contains(where: { $0.type == "chat.deleted" }) {
                    events.append(try #require(try await stream.nextEvent()))
                }
                var places: [String: [[Int64]]] = [:]
                for event in events {
                    places[event.type ?? "", default: []].append(try place(event))
                }
                let messages = places["message.created"] ?? []
                #expect(messages.filter { $0[0] == 4 } == [[4, 1], [4, 2]])
                #expect(messages.filter { $0[0] != 4 } == [[1, 2]])
                #expect(places["chat.created"] == [[4]])
                #expect(places["chat.deleted"] == [[3]])
                #expect(events.count == 7)
            }
        }
    }

    @Test func `a stream of named chats does not report the deletion of others`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats(3)
            let both = try await client.withEvents("/events?chats=1,2,3") { stream in
                try await stream.events(through: "caught_up").last?.id
            }
            _ = try await client.send("DELETE", "/chats/3")
            try await client.post("one")
            try await client.withEvents("/events?chats=1,3", headers: ["Last-Event-ID": both ?? ""]) { stream in
                var events: [ServerSentEvent] = []
                while events.count < 4 { events.append(try #require(try await stream.nextEvent())) }
                #expect(
                    events.filter { $0.type == "chat.deleted" }.map(\.data) == [#"{"type":"chat.deleted","chat_id":3}"#]
                )
                #expect(Set(events.map(\.type)) == ["hello", "message.created", "caught_up", "chat.deleted"])
            }
        }
    }

    @Test func `a stream of named chats ends when the last of them is deleted`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats(3)
            try await client.withEvents("/events?chats=1,2") { stream in
                let id = try await stream.events(through: "caught_up").last?.id ?? ""
                for chat in 1...2 {
                    _ = try await client.send("DELETE", "/chats/\(chat)")
                    let event = try await stream.nextEvent()
                    #expect(event?.data == #"{"type":"chat.deleted","chat_id":\#(chat)}"#)
                }
                #expect(try await stream.nextEvent() == nil)
                // A client that was away gets the same.
                let response = try await stream.send("GET", "/events?chats=1,2", headers: ["Last-Event-ID": id])
                #expect(response.status == 200)
                let events = try await stream.events(through: "the end")
                #expect(events.filter { $0.type == "chat.deleted" }.count == 2)
            }
        }
    }

    /// A deletion may be signalled only after an import has restored the chat.
    @Test func `a chat that still exists is not reported as deleted`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            try await withServer(store) { client in
                try await client.createChats()
                try await client.withEvents("/events?chats=1") { stream in
                    _ = try await stream.events(through: "caught_up")
                    store.signals.send(.deleted(1))
                    try await client.withEvents("/chats/1/events") { late in
                        _ = try await late.events(through: "caught_up")
                        try await client.post("here")
                        #expect(try await late.nextEvent()?.type == "message.created")
                    }
                    #expect(try await stream.nextEvent()?.type == "message.created")
                }
            }
        }
    }

    /// A browser reconnects with its original URL, whichever chats have been deleted since.
    @Test func `a client that resumes after a deletion receives the remaining chats`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats(2)
            let id = try await client.withEvents("/events?chats=1,2") { stream in
                _ = try await stream.events(through: "caught_up")
                _ = try await client.send("DELETE", "/chats/1")
                return try await stream.events(through: "chat.deleted").last?.id
            }
            try await client.post("meanwhile", to: 2)
            let back = ["Last-Event-ID": id ?? ""]
            let last = try await client.withEvents("/events?chats=1,2", headers: back) { stream in
                let events = try await stream.events(through: "caught_up")
                #expect(events.map(\.type) == ["hello", "message.created", "caught_up"])
                _ = try await client.send("DELETE", "/chats/2")
                return try await stream.events(through: "chat.deleted").last?.id
            }
            // No chat is left, so reconnecting again is pointless.
            let headers = ["Last-Event-ID": last ?? ""]
            #expect(try await client.send("GET", "/events?chats=1,2", headers: headers).status == 404)
        }
    }

    /// A client without ids, such as one that reads JSON lines, resumes by positions.
    @Test(arguments: ["/events?chats=1:1,2:0,9:4", "/events?chats=2:0,1:0,9:0"])
    func `a client that resumes by positions learns which chats are gone`(_ path: String) async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats(2)
            try await client.post("kept", to: 2)
            _ = try await client.send("DELETE", "/chats/1")
            try await client.withEvents(path) { stream in
                let events = try await stream.events(through: "caught_up")
                let types = ["hello", "chat.deleted", "chat.deleted", "message.created", "caught_up"]
                #expect(events.map(\.type) == types)
                #expect(try events[1...2].map { try $0.json["chat_id"] } == [1, 9])
            }
            // Without a position, it has had none of them.
            #expect(try await client.send("GET", "/events?chats=1,2:0").status == 404)
        }
    }

    /// A chat that is deleted during the replay of others does not prevent `caught_up`.
    @Test func `a deletion during the replay does not delay the other chats`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { base in
            let (readings, reading) = AsyncStream.makeStream(of: Void.self)
            let (deletions, deletion) = AsyncStream.makeStream(of: Void.self)
            let store = InterceptedStore(base) { read in
                guard case .log(1, _) = read else { return }
                reading.yield()
                for await _ in deletions { break }
            }
            try await withServer(store) { client in
                try await client.createChats(2)
                try await client.post("1")
                try await client.post("1", to: 2)
                try await client.withEvents("/events?chats=1:0,2:0") { stream in
                    for await _ in readings { break }
                    _ = try await client.send("DELETE", "/chats/1")
                    var events = try await stream.events(through: "chat.deleted").map(\.type)
                    deletion.finish()
                    events += try await stream.events(through: "caught_up").map(\.type)
                    // The other chat's message may come before or after the deletion.
                    #expect(events.filter { $0 != "message.created" } == ["hello", "chat.deleted", "caught_up"])
                    #expect(events.count == 4)
                }
            }
        }
    }

    /// A chat that gets a message while the chats are listed is neither left out nor reported as new.
    @Test func `a chat that becomes active while chats are being listed is not missed`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { base in
            for number in 1...150 {
                _ = try await base.createChat(titled: ChatTitle("\(number)"))
            }
            let listed = Atomic(false)
            let store = InterceptedStore(base) { read throws(StoreError) in
                guard case .list = read, !listed.exchange(true, ordering: .relaxed) else { return }
                guard let text = try? MessageText("to the top") else { return }
                _ = try await base.postMessage(text, to: 1)
            }
            try await withServer(store) { client in
                try await client.withEvents("/events") { stream in
                    let hello = try #require(try await stream.nextEvent())
                    #expect(try hello.json["chats"]?.elements.count == 150)
                }
            }
        }
    }

    /// Three chats written to at full speed, and clients that resume with nothing but the cursor.
    @Test(arguments: StoreUnderTest.allCases)
    func `resuming from a cursor neither skips nor repeats events`(_ store: StoreUnderTest) async throws {
        let (chats, posts) = (3 as Int64, 80 as Int64)
        try await withServer(on: store) { client in
            try await client.createChats(Int(chats))
            try await withThrowingDiscardingTaskGroup { group in
                for chat in 1...chats {
                    group.addTask {
                        for number in 1...posts { try await client.post("\(number)", to: chat) }
                    }
                }
                for reader in 0..<6 as Range<UInt64> {
                    group.addTask {
                        var random = SplitMix64(state: reader)
                        var seen: [Int64: Int64] = [1: 0, 2: 0, 3: 0]
                        var id: String?
                        let path = reader.isMultiple(of: 2) ? "/events?chats=3:0,1:0,2:0" : "/events?chats=1:0,2:0,3:0"
                        while seen.values.contains(where: { $0 < posts }) {
                            var eventsUntilDisconnect = Int.random(in: 1...40, using: &random)
                            try await client.withEvents(path, headers: id.map { ["Last-Event-ID": $0] } ?? [:]) {
                                stream in
                                while eventsUntilDisconnect > 0, seen.values.contains(where: { $0 < posts }),
                                    let event = try await stream.nextEvent()
                                {
                                    id = event.id ?? id
                                    guard event.type == "message.created" else { continue }
                                    let place = try place(event)
                                    #expect(seen[place[0]] == place[1] - 1)
                                    seen[place[0]] = place[1]
                                    eventsUntilDisconnect -= 1
                                }
                            }
                        }
                        #expect(seen == [1: posts, 2: posts, 3: posts])
                    }
                }
            }
        }
    }
}
