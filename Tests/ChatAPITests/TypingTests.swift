import ChatAPI
import ChatDomain
import ChatTestSupport
import Testing

/// That nobody floods others with being shown as typing.
@Suite(.timeLimit(.minutes(5)))
struct TypingTests {
    /// The state under test, in a form whose changes can stand inside an expectation.
    private final class Limiter {
        private var state: TypingLimiter

        init(interval: Duration, chatLimit: Int, addressLimit: Int) {
            state = TypingLimiter(interval: interval, chatLimit: chatLimit, addressLimit: addressLimit)
        }

        func isRepeated(_ typing: Typing, at now: ContinuousClock.Instant) -> Bool { state.isRepeated(typing, at: now) }
        func admits(_ typing: Typing, at now: ContinuousClock.Instant) -> Bool { state.admits(typing, at: now) }

        func admitsEvent(from address: String, at now: ContinuousClock.Instant) -> Bool {
            state.admitsEvent(from: address, at: now)
        }
    }

    private let start = ContinuousClock.now

    private func typing(_ chat: Int64 = 1, _ user: String? = nil) -> Typing {
        Typing(
            chatID: ChatID(rawValue: chat),
            instant: Instant(microsecondsSinceEpoch: 0),
            metadata: user.flatMap { Metadata(json: #"{"user":"\#($0)"}"#) }
        )
    }

    @Test func theSameIsShownOnceInAnInterval() {
        let limiter = Limiter(interval: .seconds(2), chatLimit: 100, addressLimit: 100)
        for step in 0..<40 {
            let now = start + .milliseconds(250 * step)
            #expect(limiter.isRepeated(typing(), at: now) == !step.isMultiple(of: 8))
            #expect(limiter.admits(typing(), at: now) == step.isMultiple(of: 8), "step \(step)")
        }
        // Others are not the same.
        let now = start + .seconds(10)
        #expect(limiter.admits(typing(1, "ada"), at: now))
        #expect(limiter.admits(typing(1, "bob"), at: now))
        #expect(limiter.admits(typing(2, "ada"), at: now))
        #expect(!limiter.admits(typing(2, "ada"), at: now))
    }

    @Test func aChatShowsOnlySoManyInASecond() {
        let limiter = Limiter(interval: .zero, chatLimit: 3, addressLimit: 100)
        let shown = (0..<10).filter { limiter.admits(typing(1, "\($0)"), at: start) }
        #expect(shown == [0, 1, 2])
        #expect(limiter.admits(typing(2), at: start))
        #expect(!limiter.admits(typing(1), at: start + .milliseconds(999)))
        #expect(limiter.admits(typing(1), at: start + .seconds(1)))
    }

    @Test func anAddressSendsOnlySoManyInASecond() {
        let limiter = Limiter(interval: .zero, chatLimit: 100, addressLimit: 2)
        #expect((0..<5).map { _ in limiter.admitsEvent(from: "a", at: start) } == [true, true, false, false, false])
        #expect(limiter.admitsEvent(from: "b", at: start))
        #expect(limiter.admitsEvent(from: "a", at: start + .seconds(1)))
    }

    @Test(arguments: StoreUnderTest.allCases)
    func repeatedTypingIsNotShownAgain(_ store: StoreUnderTest) async throws {
        var limits = StreamLimits()
        limits.typingInterval = .seconds(3_600)
        try await withServer(on: store, streamLimits: limits) { client in
            try await client.createChats()
            try await client.withEvents("/chats/1/events") { stream in
                _ = try await stream.events(through: "caught_up")
                for user in ["ada", "ada", "bob", "ada", "bob"] {
                    let body = #"{"metadata":{"user":"\#(user)"}}"#
                    #expect(try await client.send("POST", "/chats/1/typing", body: body).status == 204)
                }
                try await client.post("at last")
                let events = try await stream.events(through: "message.created")
                #expect(try events.map { try $0.json["metadata"]?["user"]?.string } == ["ada", "bob", nil])
            }
            // What is not there is not shown, however often it is asked for.
            for _ in 0..<2 {
                #expect(try await client.send("POST", "/chats/9/typing", body: "{}").status == 404)
            }
        }
    }

    @Test func anAddressThatFloodsIsTold() async throws {
        var limits = StreamLimits()
        limits.maximumTypingPerAddress = 1
        try await withServer(on: .sqliteInMemory, streamLimits: limits) { client in
            try await client.createChats()
            var refused: HTTPTestResponse?
            while refused == nil {
                let response = try await client.send("POST", "/chats/1/typing", body: "{}")
                if response.status != 204 { refused = response }
            }
            #expect(refused?.status == 429)
            #expect(refused?.headers["retry-after"] == "1")
            #expect(try refused?.json["code"] == "too_many_typing_events")
            // Messages are another matter.
            #expect(try await client.send("POST", "/chats/1/messages", body: #"{"text":"a"}"#).status == 201)
        }
    }

    /// What other servers send is limited where it is shown.
    @Test func typingOfOtherServersIsLimitedToo() async throws {
        var limits = StreamLimits()
        limits.maximumTypingPerChat = 2
        try await StoreUnderTest.sqliteInMemory.withStore { store in
            let notices = TypingNotices()
            try await withServer(store, typing: notices, streamLimits: limits) { client in
                try await client.createChats()
                try await client.withEvents("/chats/1/events") { stream in
                    _ = try await stream.events(through: "caught_up")
                    let start = ContinuousClock.now
                    for number in 0..<1_000 {
                        notices.receive(typing(1, "\(number)"))
                    }
                    let seconds = Int(start.duration(to: .now) / .seconds(1)) + 2
                    try await client.post("at last")
                    let events = try await stream.events(through: "message.created")
                    #expect((3...2 * seconds + 1).contains(events.count))
                }
            }
        }
    }
}
