import ChatDomain
import Testing

struct AppendPlanTests {
    private let first = ChatID(rawValue: 1)
    private let second = ChatID(rawValue: 2)
    private let now = Instant(microsecondsSinceEpoch: 1_000)

    private func draft(_ chat: ChatID, _ text: String, key: String? = nil) throws -> MessageDraft {
        MessageDraft(to: chat, text: try MessageText(text), idempotencyKey: key.flatMap(IdempotencyKey.init))
    }

    private func head(_ position: Int64, at microseconds: Int64 = 0) -> LogHead {
        LogHead(position: Position(rawValue: position), instant: Instant(microsecondsSinceEpoch: microseconds))
    }

    private func message(_ id: Int64, _ chat: ChatID, _ position: Int64, _ text: String, at microseconds: Int64)
        -> Message
    {
        Message(
            id: MessageID(rawValue: id),
            chatID: chat,
            position: Position(rawValue: position),
            text: text,
            createdAt: Instant(microsecondsSinceEpoch: microseconds)
        )
    }

    @Test func eachLogGoesOnWithoutAHole() throws {
        let drafts = [
            try draft(first, "a"), try draft(second, "b"), try draft(first, "c"), try draft(ChatID(rawValue: 3), "d"),
        ]
        // The clock is behind the first log and ahead of the second.
        let plan = AppendPlan(drafts, heads: [first: head(7, at: 5_000), second: head(0)], sent: [:], at: now)
        #expect(plan.appends.map(\.text) == ["a", "b", "c"])
        #expect(plan.movedHeads == [first: head(9, at: 5_000), second: head(1, at: 1_000)])
        let results = plan.results(ids: [21, 22, 23].map(MessageID.init(rawValue:)))
        #expect(
            results == [
                .success(Accepted(message(21, first, 8, "a", at: 5_000))),
                .success(Accepted(message(22, second, 1, "b", at: 1_000))),
                .success(Accepted(message(23, first, 9, "c", at: 5_000))),
                .failure(.chatNotFound),
            ]
        )
    }

    @Test func aKeyStandsForOneMessageOfItsChat() throws {
        let stored = message(11, first, 3, "old", at: 10)
        let old = try draft(first, "old", key: "k1")
        let key = AppendPlan.SentKey(chatID: first, key: try #require(old.idempotency).key)
        let sent = [
            key: AppendPlan.SentMessage(message: stored, fingerprint: try #require(old.idempotency).fingerprint)
        ]
        let drafts = [
            old, try draft(first, "other", key: "k1"), try draft(second, "old", key: "k1"),
            try draft(first, "new", key: "k2"), try draft(first, "new", key: "k2"), try draft(first, "else", key: "k2"),
            try draft(first, "new"),
        ]
        let plan = AppendPlan(drafts, heads: [first: head(3), second: head(0)], sent: sent, at: now)
        let new = message(13, first, 4, "new", at: 1_000)
        #expect(
            plan.results(ids: [12, 13, 14].map(MessageID.init(rawValue:))) == [
                .success(Accepted(stored, isReplay: true)),
                .failure(.idempotencyKeyReused),
                .success(Accepted(message(12, second, 1, "old", at: 1_000))),
                .success(Accepted(new)),
                .success(Accepted(new, isReplay: true)),
                .failure(.idempotencyKeyReused),
                .success(Accepted(message(14, first, 5, "new", at: 1_000))),
            ]
        )
    }

    @Test func aBatchThatWritesNothingMovesNothing() throws {
        let plan = AppendPlan([try draft(first, "a")], heads: [:], sent: [:], at: now)
        #expect(plan.appends.isEmpty)
        #expect(plan.movedHeads.isEmpty)
        #expect(plan.results(ids: []) == [.failure(.chatNotFound)])
    }

    @Test(arguments: ["", " ", "a b", "é", "a\n", "\u{7F}", String(repeating: "k", count: 256)])
    func aKeyIsVisibleASCII(_ text: String) {
        #expect(IdempotencyKey(text) == nil)
    }

    @Test(arguments: ["a", "!~", String(repeating: "k", count: 255)])
    func anyVisibleASCIIIsAKey(_ text: String) {
        #expect(IdempotencyKey(text)?.value == text)
    }
}
