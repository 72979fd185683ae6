import ChatDomain
import ChatLive
import ChatTestSupport
import Testing

/// Rate limits for typing notices.
@Suite(.timeLimit(.minutes(5)))
struct TypingTests {
    private func typing(_ chat: Int64 = 1, _ user: String? = nil) -> Typing {
        Typing(
            chatID: ChatID(rawValue: chat),
            instant: Instant(microsecondsSinceEpoch: 0),
            metadata: user.flatMap { Metadata(json: #"{"user":"\#($0)"}"#) }
        )
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `repeated typing is not delivered again`(_ store: StoreUnderTest) async throws {
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
            // A missing chat gets 404 on the repetition too.
            for _ in 0..<2 {
                #expect(try await client.send("POST", "/chats/9/typing", body: "{}").status == 404)
            }
        }
    }

    /// Each server also limits the notices that it receives from other servers.
    @Test func `typing notices from other servers are limited too`() async throws {
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
