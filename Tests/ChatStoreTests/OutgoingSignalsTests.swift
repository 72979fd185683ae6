import ChatDomain
import ChatPostgres
import ChatTestSupport
import Testing

/// How signals accumulate while others are being sent.
@Suite struct OutgoingSignalsTests {
    /// The state under test, with mutations that can be written inside an expectation.
    private final class Outgoing {
        private var state: OutgoingSignals

        init(maximumLength: Int = 1 << 20) {
            state = OutgoingSignals(maximumLength: maximumLength)
        }

        func add(_ signal: LogSignal) -> Bool { state.add(signal) }
        func add(_ typing: Typing) -> Bool { state.add(typing) }
        func add(_ notice: GrowthNotice) -> Bool? { state.add(notice) }
        func take() -> [String]? { state.take() }
        func lose() { state.lose() }
    }

    private func moved(_ chat: Int64, _ position: Int64) -> LogSignal {
        .moved([ChatID(rawValue: chat): Position(rawValue: position)])
    }

    @Test func `only the first signal wakes the sender`() {
        let outgoing = Outgoing()
        #expect(outgoing.take() == nil)
        #expect(outgoing.add(moved(1, 1)))
        #expect(!outgoing.add(moved(2, 1)))
        #expect(!outgoing.add(.created(3)))
        #expect(outgoing.take()?.sorted() == ["created 3", "moved 1 1", "moved 2 1"])
        #expect(outgoing.take() == nil)
        #expect(outgoing.add(.deleted(3)))
    }

    @Test func `only the highest of a chat's positions is sent`() {
        let outgoing = Outgoing()
        for position in 1...10_000 {
            _ = outgoing.add(moved(1, Int64(position)))
        }
        _ = outgoing.add(moved(1, 7))
        #expect(outgoing.take() == ["moved 1 10000"])
    }

    @Test func `appended entries are sent as positions`() {
        let instant = Instant(microsecondsSinceEpoch: 0)
        func entry(_ chat: Int64, _ position: Int64) -> LogEntry {
            let chat = Chat(
                id: ChatID(rawValue: chat),
                title: "chat",
                metadata: nil,
                createdAt: instant,
                lastPosition: Position(rawValue: position),
                lastMessageAt: nil,
                messageCount: 0
            )
            return LogEntry(position: chat.lastPosition, kind: .chatUpdated, instant: instant, subject: .chat(chat))
        }
        let outgoing = Outgoing()
        #expect(!outgoing.add(.appended([], epoch: .random())))
        #expect(outgoing.add(.appended([entry(1, 4), entry(2, 9), entry(1, 5)], epoch: .random())))
        #expect(outgoing.take()?.sorted() == ["moved 1 5", "moved 2 9"])
    }

    @Test func `positions are sent last, other signals in order`() {
        let outgoing = Outgoing()
        let typing = Typing(chatID: 1, instant: Instant(microsecondsSinceEpoch: 9), metadata: nil)
        _ = outgoing.add(.created(1))
        _ = outgoing.add(moved(1, 1))
        _ = outgoing.add(typing)
        _ = outgoing.add(.deleted(2))
        #expect(outgoing.take() == ["created 1", "typing 1 9", "deleted 2", "moved 1 1"])
    }

    @Test func `a deleted chat's position is dropped`() {
        let outgoing = Outgoing()
        _ = outgoing.add(moved(1, 5))
        _ = outgoing.add(.deleted(1))
        #expect(outgoing.take() == ["deleted 1"])
    }

    @Test func `a missed signal replaces all others until it is sent`() {
        let outgoing = Outgoing()
        _ = outgoing.add(moved(1, 5))
        #expect(!outgoing.add(.missed))
        #expect(!outgoing.add(.created(2)))
        #expect(outgoing.take() == ["missed"])
        #expect(outgoing.add(moved(1, 6)))
        #expect(outgoing.take() == ["moved 1 6"])
        #expect(outgoing.add(.missed))
    }

    @Test func `too many signals become one missed signal`() {
        let outgoing = Outgoing(maximumLength: 10_000)
        // Each position reserves the room of the longest possible line.
        for chat in 1...(10_000 / 45) as ClosedRange<Int64> {
            _ = outgoing.add(moved(chat, 1))
        }
        #expect(outgoing.take()?.count == 222)
        for chat in 1...1_000 as ClosedRange<Int64> {
            _ = outgoing.add(moved(chat, 1))
        }
        #expect(outgoing.take() == ["missed"])
        for chat in 1...1_000 as ClosedRange<Int64> {
            _ = outgoing.add(.created(ChatID(rawValue: chat)))
        }
        #expect(outgoing.take() == ["missed"])
        // A single batch that is too large.
        let many = (1...1_000).map { (ChatID(rawValue: $0), Position(rawValue: 1)) }
        #expect(outgoing.add(.moved(Dictionary(uniqueKeysWithValues: many))))
        #expect(outgoing.take() == ["missed"])
    }

    @Test func `lost signals are followed by one missed signal`() {
        let outgoing = Outgoing()
        #expect(outgoing.add(moved(1, 5)))
        #expect(outgoing.take() == ["moved 1 5"])
        #expect(outgoing.add(moved(2, 5)))
        outgoing.lose()
        // The sender that failed retries without a new call.
        #expect(!outgoing.add(moved(3, 5)))
        #expect(outgoing.take() == ["missed"])
        outgoing.lose()
        #expect(outgoing.take() == ["missed"])
        #expect(outgoing.take() == nil)
    }

    private func grew(_ text: String, at offset: Int = 0) -> GrowthNotice {
        let message = BatchPlan.MessageReference(chatID: 1, id: MessageID(rawValue: 2))
        return GrowthNotice(message, .grew(TextPiece(offset: offset, text: text, status: nil), epoch: 0))
    }

    @Test func `text that does not fit into a notification is dropped, and nothing else`() {
        let outgoing = Outgoing()
        let start = "1 0000000000000001\ngrew 1 2 0 0 ".utf8.count
        let longest = String(repeating: "x", count: SignalPayload.maximumLength - start)
        #expect(outgoing.add(grew(longest + "x")) == nil)
        // Escapes count.
        #expect(outgoing.add(grew(longest.dropLast() + "\n")) == nil)
        #expect(outgoing.take() == nil)
        #expect(outgoing.add(grew(longest)) == true)
        #expect(outgoing.add(grew("é")) == false)
        let lines = outgoing.take() ?? []
        #expect(lines.map(\.utf8.count) == [longest.utf8.count + 13, 15])
        let texts = SignalPayload.texts(of: lines, process: 1)
        #expect(texts.first?.utf8.count == SignalPayload.maximumLength)
        #expect(texts.flatMap { SignalPayload($0)?.growth ?? [] } == [grew(longest), grew("é")])
    }

    @Test func `text never makes entries be missed`() {
        let outgoing = Outgoing(maximumLength: 10_000)
        // Each line takes 114 bytes.
        let piece = grew(String(repeating: "x", count: 100))
        let added = (0..<100).map { _ in outgoing.add(piece) }
        #expect(added == [true] + Array(repeating: false, count: 20) + Array(repeating: nil, count: 79))
        #expect(outgoing.add(GrowthNotice(piece.message, .wanted)) == false)
        for chat in 1...220 as ClosedRange<Int64> { _ = outgoing.add(moved(chat, 1)) }
        #expect(outgoing.take()?.count == 21 + 1 + 220)
        // The `missed` signal makes other servers ask for the text.
        outgoing.lose()
        #expect(outgoing.add(piece) == false)
        #expect(outgoing.add(GrowthNotice(piece.message, .wanted)) == false)
        #expect(outgoing.take() == ["missed"])
        let requests = (0..<1_000).map { _ in outgoing.add(GrowthNotice(piece.message, .cancelRequested)) }
        #expect(requests.first == true)
        #expect(outgoing.take() == ["missed"])
    }

    /// Otherwise a flood of typing notices would delay entries.
    @Test func `typing is sent once and never delays entries`() {
        let outgoing = Outgoing()
        for number in 0..<1_000 {
            let metadata = Metadata(json: #"{"user":"\#(number % 500)"}"#)
            let instant = Instant(microsecondsSinceEpoch: Int64(number))
            _ = outgoing.add(Typing(chatID: 1, instant: instant, metadata: metadata))
        }
        _ = outgoing.add(moved(1, 1))
        let lines = outgoing.take() ?? []
        #expect(lines.first == #"typing 1 0 {"user":"0"}"#)
        #expect(lines.last == "moved 1 1")
        // As many as fit into one notification, no user twice, and no `missed`.
        #expect((200..<500).contains(lines.count))
        #expect(lines.dropLast().allSatisfy { $0.hasPrefix("typing 1 ") })
        let texts = SignalPayload.texts(of: lines, process: 1)
        #expect(texts.count <= 2)
        // After that there is room again.
        _ = outgoing.add(Typing(chatID: 1, instant: .now(), metadata: nil))
        #expect(outgoing.take()?.count == 1)
    }
}
