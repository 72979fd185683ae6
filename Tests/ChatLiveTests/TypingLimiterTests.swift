import ChatDomain
import ChatLive
import ChatTestSupport
import Testing

/// Which typing notices subscribers get.
@Suite struct TypingLimiterTests {
    private let start = ContinuousClock.now

    private func typing(_ chat: Int64 = 1, _ user: String? = nil) -> Typing {
        Typing(
            chatID: ChatID(rawValue: chat),
            instant: Instant(microsecondsSinceEpoch: 0),
            metadata: user.flatMap { Metadata(json: #"{"user":"\#($0)"}"#) }
        )
    }

    @Test func `the same notice is admitted once per interval`() {
        let limiter = TypingLimiter(interval: .seconds(2), chatLimit: 100)
        for step in 0..<40 {
            let now = start + .milliseconds(250 * step)
            #expect(limiter.isRepeated(typing(), at: now) == !step.isMultiple(of: 8))
            #expect(limiter.admits(typing(), at: now) == step.isMultiple(of: 8), "step \(step)")
        }
        // A different user or chat is not a repetition.
        let now = start + .seconds(10)
        #expect(limiter.admits(typing(1, "ada"), at: now))
        #expect(limiter.admits(typing(1, "bob"), at: now))
        #expect(limiter.admits(typing(2, "ada"), at: now))
        #expect(!limiter.admits(typing(2, "ada"), at: now))
    }

    @Test func `a user is one person, whatever the metadata`() {
        let limiter = TypingLimiter(interval: .seconds(2), chatLimit: 100)
        func typing(_ author: UserID, _ chat: ChatID, _ json: String?) -> Typing {
            let instant = Instant(microsecondsSinceEpoch: 0)
            return Typing(chatID: chat, author: author, instant: instant, metadata: json.flatMap { Metadata(json: $0) })
        }
        #expect(limiter.admits(typing("ada", 1, #"{"a":1}"#), at: start))
        #expect(!limiter.admits(typing("ada", 1, #"{"a":2}"#), at: start))
        #expect(!limiter.admits(typing("ada", 1, nil), at: start))
        #expect(limiter.admits(typing("ada", 2, nil), at: start))
        #expect(limiter.admits(typing("bob", 1, #"{"a":1}"#), at: start))
        #expect(limiter.admits(typing("ada", 1, nil), at: start + .seconds(2)))
    }

    @Test func `a chat admits a limited number of notices per second`() {
        let limiter = TypingLimiter(interval: .zero, chatLimit: 3)
        let shown = (0..<10).filter { limiter.admits(typing(1, "\($0)"), at: start) }
        #expect(shown == [0, 1, 2])
        #expect(limiter.admits(typing(2), at: start))
        #expect(!limiter.admits(typing(1), at: start + .milliseconds(333)))
        #expect(limiter.admits(typing(1), at: start + .milliseconds(334)))
    }
}
