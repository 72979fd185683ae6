import ChatTestSupport
import Foundation
import PostgresClient
import Subprocess
import Testing

/// Streams of the running program: when it stops, when it is killed, and the resources it releases.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct LiveServeTests {
    private static let posts: Int64 = 1_500
    private static let readers = 24

    /// Request logs would fill the pipe, which nobody reads meanwhile.
    private static let quiet = "--log-level=notice"

    @Test func `clients miss nothing when a server on SQLite is killed`() async throws {
        try await withTemporaryFolder { folder in try await killServer(in: folder, environment: [:]) }
    }

    @Test func `clients miss nothing when a server on PostgreSQL is killed`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withTemporaryFolder { folder in
                try await killServer(in: folder, environment: ["DATABASE_URL": url.connectionString])
            }
        }
    }

    private func killServer(in folder: String, environment: [String: String]) async throws {
        let slot = ServerSlot(generations: 2)
        let traffic = LiveTraffic(posts: Self.posts, readers: Self.readers, writing: slot, reading: slot)
        let running = Task { try await traffic.run() }
        let killed = try await ChatAPIProcess.serve(
            Self.quiet,
            in: folder,
            environment: environment,
            endingWith: .kill
        ) { client async throws in
            try await client.createChats()
            await slot.put(client)
            await traffic.waitForPosts(Self.posts / 2)
        }
        #expect(killed.status == -9)
        let ended = try await ChatAPIProcess.serve(Self.quiet, in: folder, environment: environment) {
            client async throws in
            await slot.put(client)
            try await running.value
        }
        #expect(ended.status == 0)
    }

    /// Posts go to one of two servers; the clients stream from the other one, which is killed.
    @Test func `clients miss nothing when one of two servers is killed`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withTemporaryFolder { folder in
                let environment = ["DATABASE_URL": url.connectionString, "CHAT_STREAM_CHECK_INTERVAL": "0.1"]
                let slots = (writing: ServerSlot(), reading: ServerSlot(generations: 2))
                let traffic = LiveTraffic(
                    posts: Self.posts,
                    readers: Self.readers,
                    writing: slots.writing,
                    reading: slots.reading
                )
                let running = Task { try await traffic.run() }
                func serve(_ signal: Signal, _ body: (HTTPTestClient) async throws -> Void) async throws -> Int32 {
                    try await ChatAPIProcess.serve(
                        Self.quiet,
                        in: folder,
                        environment: environment,
                        endingWith: signal,
                        body
                    ).status
                }
                let status = try await serve(.terminate) { writer async throws in
                    try await writer.createChats()
                    let killed = try await serve(.kill) { reader async throws in
                        await slots.reading.put(reader)
                        await slots.writing.put(writer)
                        await traffic.waitForPosts(Self.posts / 2)
                    }
                    #expect(killed == -9)
                    let ended = try await serve(.terminate) { reader async throws in
                        await slots.reading.put(reader)
                        try await running.value
                    }
                    #expect(ended == 0)
                }
                #expect(status == 0)
            }
        }
    }

    @Test func `a signal ends every stream and the process`() async throws {
        try await withTemporaryFolder { folder in
            let (beginnings, begin) = AsyncStream.makeStream(of: Void.self)
            var streams: [Task<[ServerSentEvent], any Error>] = []
            var end = ContinuousClock.now
            let outcome = try await ChatAPIProcess.serve(Self.quiet, in: folder) { client async throws in
                try await client.createChats(2)
                for number in 0..<30 {
                    let path = ["/chats/1/events", "/events?chats=1,2", "/events"][number % 3]
                    streams.append(
                        Task {
                            try await client.withEvents(path) { stream in
                                let events = try await stream.events(through: "caught_up")
                                begin.yield()
                                return events + (try await stream.events(through: "the end"))
                            }
                        }
                    )
                }
                var begun = beginnings.makeAsyncIterator()
                for _ in streams { await begun.next() }
                end = .now
            }
            #expect(outcome.status == 0)
            #expect(end.duration(to: .now) < .seconds(8))
            var delays: Set<Int64> = []
            for (number, stream) in streams.enumerated() {
                let events = try await stream.value
                #expect(events.map(\.type) == ["hello", "caught_up", "reconnect"])
                let last = try #require(events.last)
                let delay = try #require(try last.json["delay_ms"]?.integer)
                #expect((1_000...3_000).contains(delay))
                // A combined stream ends with its positions.
                #expect((last.id == nil) == (number % 3 == 0))
                #expect(
                    last
                        == ServerSentEvent(
                            id: last.id,
                            type: "reconnect",
                            data: #"{"type":"reconnect","delay_ms":\#(delay)}"#,
                            retry: Int(delay)
                        )
                )
                delays.insert(delay)
            }
            // The clients do not reconnect all at once.
            #expect(delays.count > 10)
        }
    }

    /// A client that reads nothing does not delay the shutdown for the whole grace period.
    @Test func `a client that does not read does not delay the shutdown`() async throws {
        try await withTemporaryFolder { folder in
            let (stalls, stalled) = AsyncStream.makeStream(of: Void.self)
            let (ends, end) = AsyncStream.makeStream(of: Void.self)
            var signalled = ContinuousClock.now
            let outcome = try await ChatAPIProcess.serve(Self.quiet, "--shutdown-grace=30", in: folder) {
                client async throws in
                try await client.createChats()
                let text = String(repeating: "👋", count: 5_000)
                for _ in 1...40 { try await client.post(text) }
                Task {
                    try await client.withKeptConnection(receiveBuffer: 4_096) { slow in
                        _ = try await slow.send("GET", "/chats/1/events?after=0")
                        stalled.yield()
                        for await _ in ends {}
                    }
                }
                for await _ in stalls { break }
                signalled = .now
            }
            end.finish()
            #expect(outcome.status == 0)
            #expect(signalled.duration(to: .now) < .seconds(25))
        }
    }

    /// Clients that come and go in any way leave nothing open.
    @Test func `connections that come and go leave nothing behind`() async throws {
        try await withTemporaryFolder { folder in
            let places = 12
            _ = try await ChatAPIProcess.serve(
                Self.quiet,
                "--max-streams=\(places)",
                "--stream-check-interval=3600",
                in: folder
            ) { client async throws in
                try await client.createChats()
                try await withThrowingDiscardingTaskGroup { group in
                    for number in 0..<8 as Range<UInt64> {
                        group.addTask {
                            var random = SplitMix64(state: number)
                            for _ in 0..<300 { try await comeAndGo(client, &random) }
                        }
                    }
                }
                // All but the listening socket.
                while try openSockets(of: client) > 1 {
                    try await Task.sleep(for: .milliseconds(20))
                }
                // Every slot is free, and every kind of client is served.
                try await occupy(places - 1, of: client) {
                    try await client.withEventsOnceAdmitted("/events") { stream in
                        #expect(try await client.send("GET", "/events").status == 503)
                        _ = try await stream.events(through: "caught_up")
                        try await client.createChats()
                        #expect(try await stream.nextEvent()?.type == "chat.created")
                    }
                }
            }
        }
    }

    private func comeAndGo(_ client: HTTPTestClient, _ random: inout SplitMix64) async throws {
        let poll = "/chats/1/events?wait=1"
        let path =
            [
                "/chats/1/events", "/chats/1/events?after=0", "/events", "/events?chats=1:0", poll, "/chats/9/events",
            ].randomElement(using: &random) ?? ""
        let manner = path == poll ? 1 : Int.random(in: 0..<5, using: &random)
        if Int.random(in: 0..<20, using: &random) == 0 { try await client.post("x") }
        try await client.withKeptConnection { connection in
            if manner == 0 {
                connection.finish()
                return
            }
            if manner == 1 {
                // Disconnects before the response.
                try await connection.write("GET", path)
                return
            }
            guard try await connection.send("GET", path).headers["content-type"] == "text/event-stream" else { return }
            switch manner {
            case 2: connection.finish()
            case 3: _ = try await connection.nextEvent()
            default: break
            }
        }
    }

    private func occupy(_ count: Int, of client: HTTPTestClient, _ body: () async throws -> Void) async throws {
        if count == 0 { return try await body() }
        try await client.withEventsOnceAdmitted("/chats/1/events") { _ in
            try await occupy(count - 1, of: client, body)
        }
    }

    private func openSockets(of client: HTTPTestClient) throws -> Int {
        let folder = "/proc/\(try #require(client.processID))/fd"
        return try FileManager.default.contentsOfDirectory(atPath: folder).count { file in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(file)")
            return target?.hasPrefix("socket:") == true
        }
    }
}
