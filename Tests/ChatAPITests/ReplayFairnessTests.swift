import ChatDomain
import ChatLive
import ChatTestSupport
import Synchronization
import Testing

/// A client that is far behind does not delay the others.
@Suite(.timeLimit(.minutes(5)))
struct ReplayFairnessTests {
    /// Blocks the first log reads until it is opened, and records all of them.
    private final class Gate: Sendable {
        private struct State {
            var isOpen = false
            var waiting: [CheckedContinuation<Void, Never>] = []
            var reads: [ChatID] = []
        }

        private let state = Mutex(State())
        private let arrivals: AsyncStream<ChatID>
        private let arrival: AsyncStream<ChatID>.Continuation

        init() {
            (arrivals, arrival) = AsyncStream.makeStream()
        }

        var reads: [ChatID] {
            state.withLock { $0.reads }
        }

        func pass(_ chat: ChatID) async {
            await withCheckedContinuation { continuation in
                let passes = state.withLock { state in
                    state.reads.append(chat)
                    if !state.isOpen {
                        state.waiting.append(continuation)
                    }
                    return state.isOpen
                }
                arrival.yield(chat)
                if passes { continuation.resume() }
            }
        }

        func waitForReads(_ count: Int) async {
            var seen = 0
            for await _ in arrivals {
                seen += 1
                if seen == count { return }
            }
        }

        func open() {
            let waiting = state.withLock { state in
                defer { state.waiting = [] }
                state.isOpen = true
                return state.waiting
            }
            for continuation in waiting {
                continuation.resume()
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a subscriber to one chat does not wait for a subscriber to many`(_ store: StoreUnderTest) async throws {
        let chats = 40
        var limits = StreamLimits()
        limits.maximumReads = 2
        let gate = Gate()
        try await store.withStore { store in
            let store = InterceptedStore(store) { read throws(StoreError) in
                if case .log(let chat, _) = read { await gate.pass(chat) }
            }
            try await withServer(store, streamLimits: limits) { client in
                try await client.createChats(chats + 1)
                for chat in 1...chats + 1 {
                    try await client.post("there", to: Int64(chat))
                }
                let all = (1...chats).map { "\($0):0" }.joined(separator: ",")
                try await client.withEvents("/events?chats=\(all)") { many in
                    // Two pages are read at a time; the others wait.
                    await gate.waitForReads(2)
                    try await client.withEvents("/chats/\(chats + 1)/events?after=0") { one in
                        #expect(try await one.nextEvent()?.type == "hello")
                        gate.open()
                        #expect(try await one.nextEvent()?.place == "1")
                        let seen = try await many.events(through: "caught_up").filter { $0.type == "message.created" }
                        #expect(seen.count == chats)
                        let turn = try #require(gate.reads.firstIndex(of: ChatID(rawValue: Int64(chats + 1))))
                        // Two reads were running when it arrived; after those, the two clients took turns.
                        #expect(turn <= 3)
                    }
                }
            }
        }
    }

    /// A slow page delays nobody but its own subscriber.
    @Test func `a page is delivered as soon as it is read`() async throws {
        let gate = Gate()
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let store = InterceptedStore(store) { read throws(StoreError) in
                if case .log(let chat, _) = read, chat == 1 { await gate.pass(chat) }
            }
            try await withServer(store) { client in
                try await client.createChats(3)
                for chat: Int64 in 1...3 {
                    try await client.post("there", to: chat)
                }
                try await client.withEvents("/events?chats=1:0,2:0,3:0") { stream in
                    await gate.waitForReads(1)
                    var chats: Set<Int64> = []
                    while chats.count < 2, let event = try await stream.nextEvent() {
                        guard event.type == "message.created", let chat = try event.json["chat_id"]?.integer else {
                            continue
                        }
                        chats.insert(chat)
                    }
                    #expect(chats == [2, 3])
                    gate.open()
                    let rest = try await stream.events(through: "caught_up")
                    #expect(try rest.first?.json["chat_id"] == 1)
                }
            }
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `subscribers that need the same page share one read`(_ store: StoreUnderTest) async throws {
        let readers = 12
        let gate = Gate()
        try await store.withStore { store in
            let store = InterceptedStore(store) { read throws(StoreError) in
                if case .log(let chat, _) = read { await gate.pass(chat) }
            }
            try await withServer(store) { client in
                try await client.createChats()
                try await client.post("1", "2", "3")
                try await withThrowingDiscardingTaskGroup { group in
                    let (greetings, greet) = AsyncStream.makeStream(of: Void.self)
                    for _ in 0..<readers {
                        group.addTask {
                            try await client.withEvents("/chats/1/events?after=0") { stream in
                                #expect(try await stream.nextEvent()?.type == "hello")
                                greet.yield()
                                let events = try await stream.events(through: "caught_up")
                                #expect(events.map(\.place) == ["1", "2", "3", "3"])
                            }
                        }
                    }
                    var greeted = 0
                    for await _ in greetings {
                        greeted += 1
                        if greeted == readers { break }
                    }
                    gate.open()
                }
                // The first subscriber's read, and one shared by all that arrived during it.
                #expect(gate.reads.count == 2)
            }
        }
    }
}
