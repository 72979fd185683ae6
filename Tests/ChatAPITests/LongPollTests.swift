import ChatLive
import ChatTestSupport
import NIOCore
import Testing

/// Long polls for the next entry of a log.
@Suite(.timeLimit(.minutes(5)))
struct LongPollTests {
    /// A single slot: if there is none, the poll is being held.
    private var onePlace: StreamLimits {
        var limits = StreamLimits()
        limits.maximumStreams = 1
        return limits
    }

    private func poll(_ client: HTTPTestClient, _ query: String) -> Task<HTTPTestResponse, any Error> {
        Task {
            while true {
                let response = try await client.send("GET", "/chats/1/events?\(query)")
                // `waitUntilHeld` may have had the slot.
                if response.status != 503 { return response }
            }
        }
    }

    private func waitUntilHeld(_ client: HTTPTestClient) async throws {
        while try await client.send("GET", "/chats/1/events?wait=0").status != 503 {}
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `existing entries are returned at once, as they are in the log`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            try await client.createChats()
            try await client.post("1", "2", "3")
            for after in 0...2 {
                let response = try await client.send("GET", "/chats/1/events?wait=55&after=\(after)")
                #expect(response.headers["content-type"] == "application/json")
                let log = try await client.send("GET", "/chats/1/log?after=\(after)")
                #expect(response.text == log.text)
            }
            let header = try await client.send("GET", "/chats/1/events?wait=55", headers: ["Last-Event-ID": "2"])
            #expect(try header.json["entries"]?.elements.count == 1)
            let now = try await client.send("GET", "/chats/1/events?wait=0")
            #expect(now.textWithoutEpoch == #"{"entries":[],"last_seq":3}"#)
            #expect(try await client.send("GET", "/chats/1/events?wait=55&after=4").status == 422)
            #expect(try await client.send("GET", "/chats/2/events?wait=55").status == 404)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `the next entry ends the poll`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store, streamLimits: onePlace) { client in
            try await client.createChats()
            try await client.post("1")
            for query in ["wait=55", "wait=55&after=2"] {
                let held = poll(client, query)
                try await waitUntilHeld(client)
                // A typing notice is not stored and does not end the poll.
                #expect(try await client.send("POST", "/chats/1/typing", body: "{}").status == 204)
                try await client.post("next")
                let page = try await held.value.json
                #expect(page["entries"]?.elements.compactMap { $0["message"]?["text"] } == ["next"])
                #expect(page["last_seq"] == page["entries"]?[0]?["seq"])
            }
        }
    }

    /// Proxies give up on a response after 60 seconds.
    @Test func `a wait as long as a proxy's timeout is rejected`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats()
            let refused = try await client.send("GET", "/chats/1/events?wait=56")
            #expect(refused.status == 422)
            let issue = try #require(try refused.json["detail"]?[0])
            #expect(issue["type"] == "less_than_equal")
            #expect(issue["loc"] == ["query", "wait"])
            #expect(issue["ctx"] == ["le": 55])
        }
    }

    @Test func `the requested time ends the poll`() async throws {
        try await withServer(on: .sqliteInMemory) { client in
            try await client.createChats()
            let start = ContinuousClock.now
            let response = try await client.send("GET", "/chats/1/events?wait=1")
            #expect((Duration.seconds(1)..<(.seconds(30))).contains(start.duration(to: .now)))
            #expect(response.textWithoutEpoch == #"{"entries":[],"last_seq":0}"#)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `deleting the chat ends the poll`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store, streamLimits: onePlace) { client in
            try await client.createChats()
            let held = poll(client, "wait=55")
            try await waitUntilHeld(client)
            #expect(try await client.send("DELETE", "/chats/1").status == 204)
            let response = try await held.value
            #expect(response.status == 404)
            #expect(try response.json["code"] == "chat_not_found")
        }
    }

    @Test func `a shutdown ends the poll`() async throws {
        var start = ContinuousClock.now
        let held = try await withServer(on: .sqliteInMemory, streamLimits: onePlace) { client in
            try await client.createChats()
            let held = poll(client, "wait=55")
            try await waitUntilHeld(client)
            start = .now
            return held
        }
        let response = try await held.value
        #expect(response.status == 200)
        #expect(response.textWithoutEpoch == #"{"entries":[],"last_seq":0}"#)
        #expect(start.duration(to: .now) < .seconds(50))
    }

    @Test(arguments: [true, false])
    func `a client that disconnects frees its slot`(sayingSo halfCloses: Bool) async throws {
        let (reads, read) = AsyncStream.makeStream(of: Void.self)
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let store = InterceptedStore(store) { if case .chats = $0 { read.yield() } }
            try await withServer(store, streamLimits: onePlace) { client in
                try await client.createChats()
                try await client.withConnection { inbound, outbound in
                    let request = "GET /chats/1/events?wait=55 HTTP/1.1\r\nHost: a\r\n\r\n"
                    try await outbound.write(ByteBuffer(string: request))
                    for await _ in reads { break }
                    try await waitUntilHeld(client)
                    guard halfCloses else { return }
                    outbound.finish()
                    // A client that has closed its side can still receive the response.
                    let answer = try HTTPTestResponse(try await inbound.readToEnd())
                    #expect(answer.textWithoutEpoch == #"{"entries":[],"last_seq":0}"#)
                }
                try await client.withEventsOnceAdmitted("/chats/1/events") { stream async throws in
                    #expect(try await stream.nextEvent()?.type == "hello")
                }
            }
        }
    }
}
