import ChatDomain
import ChatLive
import ChatTestSupport
import Testing

/// Streams of more chats than one event has room for.
@Suite(.timeLimit(.minutes(5)))
struct ManyChatsTests {
    private func place(_ event: ServerSentEvent?) throws -> [Int64] {
        guard let json = try event?.json else { return [] }
        return [json["chat_id"]?.integer, json["seq"]?.integer].compactMap { $0 }
    }

    private func nextPlace(in stream: inout HTTPTestConnection) async throws -> [Int64] {
        try place(try await stream.nextEvent())
    }

    /// Ids are a small part of a stream, and a client that resumes from any of them misses nothing.
    @Test func `event ids are short and a client can resume from any of them`() async throws {
        let chats = 100
        let path = "/events?chats=" + (1...chats).map { "\($0):0" }.joined(separator: ",")
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats(chats)
            try await client.withEvents(path) { stream in
                _ = try await stream.events(through: "caught_up")
                let start = try #require(stream.lastEventID)
                var idBytes = 0
                var bytes = 0
                var ids: [(id: String, seen: Int)] = [(start, 0)]
                for number in 1...200 {
                    try await client.post("\(number)", to: Int64(number % chats) + 1)
                    let event = try #require(try await stream.nextEvent())
                    bytes += event.data.utf8.count
                    if let id = event.id {
                        idBytes += id.utf8.count
                        ids.append((id, number))
                    }
                }
                #expect(idBytes < bytes / 3)
                #expect(ids.count > 10)
                for (id, seen) in ids {
                    try await client.withEvents(path, headers: ["Last-Event-ID": id]) { stream in
                        let events = try await stream.events(through: "caught_up")
                        #expect(events.count == 200 - seen + 2)
                    }
                }
            }
        }
    }

    @Test func `a heartbeat carries the client's cursor`() async throws {
        var limits = StreamLimits()
        limits.heartbeat = .seconds(1)
        let path = "/events?chats=" + (1...100).map(String.init).joined(separator: ",")
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats(100)
            try await client.withEvents(path) { stream in
                _ = try await stream.events(through: "caught_up")
                try await client.post("1")
                #expect(try await stream.nextEvent()?.id == nil)
                var line: String?
                repeat { line = try await stream.nextLine() } while line?.hasPrefix("id: ") == false
                let id = try #require(line?.dropFirst(4))
                try await client.withEvents(path, headers: ["Last-Event-ID": String(id)]) { stream in
                    let events = try await stream.events(through: "caught_up")
                    #expect(events.map(\.type) == ["hello", "caught_up"])
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a stream of all chats covers the most recently active ones`(_ store: StoreUnderTest) async throws {
        var limits = StreamLimits()
        limits.maximumChats = 2
        limits.checkInterval = .milliseconds(50)
        try await withServer(on: store, streamLimits: limits) { client in
            try await client.createChats(2)
            try await client.post("first", to: 2)
            try await client.post("first", to: 1)
            let id = try await client.withEvents("/events") { stream in
                let hello = try #require(try await stream.nextEvent())
                #expect(try hello.json["has_more"] == nil)
                _ = try await stream.events(through: "caught_up")
                // One chat more than the stream can hold replaces the least recently active one.
                try await client.createChats()
                let left = try #require(try await stream.nextEvent())
                #expect(left.data == #"{"type":"chat.unfollowed","chat_id":2,"last_seq":1}"#)
                #expect(try await stream.nextEvent()?.type == "chat.created")
                try await client.post("first", to: 3)
                #expect(try await nextPlace(in: &stream) == [3, 1])
                // The replaced chat returns with the entry that made it active.
                try await client.post("second", to: 2)
                let other = try #require(try await stream.nextEvent())
                #expect(other.data == #"{"type":"chat.unfollowed","chat_id":1,"last_seq":1}"#)
                let followed = try #require(try await stream.nextEvent())
                #expect(followed.type == "chat.followed")
                #expect(try followed.json["chat_id"] == 2)
                #expect(try followed.json["after"] == 0)
                #expect(try await nextPlace(in: &stream) == [2, 1])
                #expect(try await nextPlace(in: &stream) == [2, 2])
                return stream.lastEventID ?? ""
            }
            try await client.post("second", to: 1)
            try await client.post("third", to: 2)
            try await client.withEvents("/events", headers: ["Last-Event-ID": id]) { stream in
                let events = try await stream.events(through: "caught_up")
                #expect(try events[0].json["has_more"] == true)
                var types: [String: [[Int64]]] = [:]
                for event in events.dropFirst() {
                    types[event.type ?? "", default: []].append(try place(event))
                }
                #expect(types["chat.unfollowed"] == [[3]])
                #expect(types["chat.followed"] == [[1]])
                let messages = types["message.created"] ?? []
                #expect(messages.filter { $0[0] == 1 } == [[1, 1], [1, 2]])
                #expect(messages.filter { $0[0] == 2 } == [[2, 3]])
            }
            #expect(try await client.send("GET", "/events?chats=1,2,3").status == 422)
        }
    }
}
