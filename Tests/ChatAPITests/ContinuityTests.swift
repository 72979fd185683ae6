import ChatDomain
import ChatLive
import ChatTestSupport
import Synchronization
import Testing

/// A client misses nothing, whatever it or others do.
@Suite(.timeLimit(.minutes(5)))
struct ContinuityTests {
    @Test(arguments: StoreUnderTest.allCases)
    func `clients that come and go receive every event once`(_ store: StoreUnderTest) async throws {
        try await withServer(on: store) { client in
            try await client.createChats()
            let slot = ServerSlot()
            await slot.put(client)
            try await LiveTraffic(posts: 300, readers: 12, writing: slot, reading: slot).run()
        }
    }

    /// Two processes that communicate only through the database.
    @Test func `a server delivers what another server wrote`() async throws {
        var limits = StreamLimits()
        limits.checkInterval = .milliseconds(100)
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url) { first in
                try await withPostgres(url) { second in
                    try await withServer(first) { writer in
                        try await withServer(second, streamLimits: limits) { reader in
                            try await writer.createChats(2)
                            try await reader.withEvents("/events") { all in
                                _ = try await all.events(through: "caught_up")
                                try await reader.withEvents("/chats/2/events") { stream in
                                    _ = try await stream.events(through: "caught_up")
                                    try await writer.post("elsewhere", to: 2)
                                    #expect(try await stream.nextEvent()?.place == "1")
                                    _ = try await writer.send("DELETE", "/chats/2")
                                    #expect(try await stream.nextEvent()?.type == "chat.deleted")
                                    #expect(try await stream.nextEvent() == nil)
                                }
                                try await writer.createChats()
                                let news = try await all.events(through: "chat.created")
                                #expect(news.map(\.type) == ["message.created", "chat.deleted", "chat.created"])
                            }
                            let slots = (writing: ServerSlot(), reading: ServerSlot())
                            await slots.writing.put(writer)
                            await slots.reading.put(reader)
                            let traffic = LiveTraffic(
                                posts: 200,
                                readers: 8,
                                writing: slots.writing,
                                reading: slots.reading
                            )
                            try await traffic.run()
                        }
                    }
                }
            }
        }
    }

    /// - Returns: The position of the last event, after which the stream ended with `overflow` or was cut off.
    private func readUntilOverflow(_ stream: inout HTTPTestConnection) async throws -> Int {
        var position = 0
        var last: String?
        do {
            while let event = try await stream.nextEvent() {
                last = event.type
                guard event.type == "message.created" else { continue }
                #expect(event.place == "\(position + 1)")
                position += 1
            }
            #expect(last == "overflow")
        } catch is HTTPTestConnection.Cut {}
        return position
    }

    @Test func `a slow reader is disconnected and delays nobody else`() async throws {
        var limits = StreamLimits()
        limits.maximumLag = 30
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats()
            let total = 150
            try await client.withKeptConnection(receiveBuffer: 4_096) { slow in
                _ = try await slow.send("GET", "/chats/1/events?after=0")
                try await withThrowingDiscardingTaskGroup { group in
                    let (seen, see) = AsyncStream.makeStream(of: Void.self)
                    let readers = 4
                    for _ in 0..<readers {
                        group.addTask {
                            try await client.withEvents("/chats/1/events?after=0") { stream in
                                _ = try await stream.events(through: "caught_up")
                                see.yield()
                                for position in 1...total {
                                    #expect(try await stream.nextEvent()?.place == "\(position)")
                                    see.yield()
                                }
                            }
                        }
                    }
                    group.addTask {
                        // The other clients stay within a few events of each other; only the slow one falls behind.
                        var others = seen.makeAsyncIterator()
                        for _ in 0..<readers { await others.next() }
                        let text = String(repeating: "👋", count: 5_000)
                        try await client.withKeptConnection { connection in
                            for _ in 1...total {
                                let body = #"{"text":"\#(text)"}"#
                                _ = try await connection.send("POST", "/chats/1/messages", body: body)
                                for _ in 0..<readers { await others.next() }
                            }
                        }
                    }
                }
                let position = try await readUntilOverflow(&slow)
                #expect(position < total)
                while try await client.metrics()["chat_streams_too_slow_total"] != 1 {}
                try await client.withEvents("/chats/1/events?after=\(position)") { stream in
                    let events = try await stream.events(through: "caught_up")
                    #expect(events.map(\.place) == (position...total).map { "\($0)" } + ["\(total)"])
                }
            }
        }
    }

    /// After `overflow`, the client can request the stream again on the same connection.
    @Test func `a connection survives the overflow of its stream`() async throws {
        var limits = StreamLimits()
        limits.maximumLag = 1
        limits.heartbeat = .seconds(1)
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats()
            let text = String(repeating: "👋", count: 5_000)
            var end = 0
            var isTold = false
            while !isTold {
                do {
                    try await client.withKeptConnection(receiveBuffer: 4_096) { slow in
                        var position = end
                        _ = try await slow.send("GET", "/chats/1/events?after=\(position)")
                        for _ in 1...40 { try await client.post(text) }
                        end += 40
                        while let event = try await slow.nextEvent() {
                            position = event.type == "message.created" ? position + 1 : position
                        }
                        isTold = true
                        #expect(position < end)
                        _ = try await slow.send("GET", "/chats/1/events?after=\(position)")
                        #expect(try await slow.events(through: "caught_up").count == end + 2 - position)
                        // Longer than the stall timeout.
                        for _ in 1...6 {
                            while try await slow.nextLine() != ":" {}
                        }
                    }
                } catch is HTTPTestConnection.Cut where !isTold {
                    // On a busy machine, the connection may close before the notice gets through.
                }
            }
        }
    }

    /// If the store fails or a client leaves, the other clients miss nothing.
    @Test func `a failed read is retried and no event is lost`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { base in
            let isDown = Atomic(true)
            let (failures, failure) = AsyncStream.makeStream(of: Void.self)
            let store = InterceptedStore(base) { read throws(StoreError) in
                guard case .log = read, isDown.load(ordering: .relaxed) else { return }
                failure.yield()
                throw .unavailable(reason: "tried")
            }
            var attempts = failures.makeAsyncIterator()
            try await withServer(store) { client in
                try await client.createChats()
                try await client.post("1")
                // On several event loops.
                let live = (1...4).map { _ in
                    Task {
                        try await client.withEvents("/chats/1/events") {
                            try await $0.events(through: "message.created")
                        }
                    }
                }
                for _ in 1...4 {
                    try await client.withEvents("/chats/1/events?after=0") { _ in await attempts.next() }
                }
                try await client.withEvents("/chats/1/events?after=0") { stream in
                    // By the second attempt, reads for clients that left would have run.
                    for _ in 1...2 { await attempts.next() }
                    isDown.store(false, ordering: .relaxed)
                    let events = try await stream.events(through: "caught_up")
                    #expect(events.map(\.type) == ["hello", "message.created", "caught_up"])
                }
                try await client.post("2")
                for task in live {
                    let events = try await task.value
                    #expect(events.map(\.place) == ["1", "1", "2"])
                }
            }
        }
    }
}
