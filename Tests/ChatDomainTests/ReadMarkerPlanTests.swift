import ChatDomain
import ChatTestSupport
import Testing

/// Which read markers a batch moves.
struct ReadMarkerPlanTests {
    private static let chat: ChatID = 7
    private let now = Instant(microsecondsSinceEpoch: 1_000)

    private func reference(_ user: UserID) -> MemberReference {
        MemberReference(chatID: Self.chat, userID: user)
    }

    /// A chat with ten entries, of which its member has read four.
    private func priorState(_ user: UserID = "ada") -> BatchPlan.PriorState {
        var priorState = BatchPlan.PriorState()
        let instant = Instant(microsecondsSinceEpoch: 0)
        let chat = Chat(id: Self.chat, title: "chat", createdAt: instant, lastPosition: 10, messageCount: 1)
        priorState.heads[Self.chat] = LogHead(chat: chat, instant: instant)
        priorState.members[reference(user)] = Member(reference(user), role: .member, joinedAt: 1, readPosition: 4)
        return priorState
    }

    private func mark(_ position: Position, back: Bool = false, by caller: Caller = .ungranted("ada")) -> WriteRequest {
        .moveReadMarker(ReadMarkerRequest(Self.chat, upTo: position, movesBack: back, by: caller))
    }

    private func post(by caller: Caller, key: String? = nil) throws -> WriteRequest {
        let draft = MessageDraft(text: try MessageText("text"), idempotencyKey: key.flatMap(IdempotencyKey.init))
        return .record(LogRequest(.post(draft), in: Self.chat, by: caller))
    }

    private func marker(_ requests: [WriteRequest], _ user: UserID = "ada") -> Position? {
        BatchPlan(requests, from: priorState(user), at: now).writes.members[reference(user)]?.readPosition
    }

    @Test func `a marker moves forward, and back only on request`() {
        #expect(marker([mark(7)]) == 7)
        #expect(marker([mark(11)]) == 10)
        #expect(marker([mark(7), mark(6)]) == 7)
        #expect(marker([mark(7), mark(6, back: true)]) == 6)
        #expect(marker([mark(0, back: true)]) == 0)
        #expect(marker([mark(0, back: true), mark(3)]) == 3)
        #expect(marker([mark(99, back: true)]) == 10)
    }

    @Test func `a move that changes nothing writes nothing, and no move is a log entry`() {
        for request in [mark(4), mark(0), mark(4, back: true)] {
            let plan = BatchPlan([request], from: priorState(), at: now)
            #expect(plan.writes.isEmpty)
            #expect(plan.recorded(LogWrites.Written()).results == [.success(.readMarkerMoved)])
        }
        let plan = BatchPlan([mark(8)], from: priorState(), at: now)
        #expect(!plan.writes.isEmpty)
        #expect(plan.writes.movedHeads.isEmpty)
        #expect(plan.writes.changes.isEmpty)
        #expect(plan.recorded(LogWrites.Written()).entries.isEmpty)
    }

    @Test func `a post moves its author's marker, unless the author need not have seen the chat`() throws {
        let acting = Caller(author: "ada", rights: .user(.user), isDelegated: true)
        let bot = Caller(author: "ada", rights: .user(.bot, Grants(everywhere: .member)))
        let readers: [Caller] = [.ungranted("ada"), .user("ada", .reader), .administrator("ada")]
        for caller in readers {
            #expect(marker([try post(by: caller), try post(by: .anonymous)]) == 11)
        }
        for caller in [acting, bot] {
            #expect(marker([try post(by: caller)]) == nil)
        }
        // Who is no member has no marker.
        #expect(marker([try post(by: .user("ada", .member))], "bob") == nil)
        #expect(BatchPlan([try post(by: .user("eve"))], from: priorState(), at: now).writes.members.isEmpty)
        // A replay posts nothing.
        let twice = [try post(by: .ungranted("ada"), key: "k"), mark(2, back: true)]
        #expect(marker(twice + [try post(by: .ungranted("ada"), key: "k")]) == 2)
    }

    @Test func `only members have a marker`() {
        var left = priorState()
        left.members[reference("ada")] = Member(
            reference("ada"),
            role: .member,
            joinedAt: 1,
            leftAt: 5,
            readPosition: 4
        )
        let callers: [(Caller, BatchPlan.PriorState, StoreError)] = [
            (.ungranted("eve"), priorState(), .chatNotFound), (.user("eve", .reader), priorState(), .forbidden),
            (.administrator("eve"), priorState(), .forbidden), (.anonymous, priorState(), .forbidden),
            (Caller(author: nil, rights: .everyChat(.member)), priorState(), .forbidden),
            (.ungranted("ada"), left, .chatNotFound), (.user("ada", .owner), left, .forbidden),
            (.ungranted("ada"), BatchPlan.PriorState(), .chatNotFound),
        ]
        for (caller, priorState, error) in callers {
            let plan = BatchPlan([mark(8, by: caller)], from: priorState, at: now)
            #expect(plan.recorded(LogWrites.Written()).results == [.failure(error)], "\(caller)")
            #expect(plan.writes.isEmpty)
        }
    }

    @Test func `a batch reads the markers that it may move`() throws {
        let bot = Caller(author: "bot", rights: .user(.bot, Grants(everywhere: .member)))
        let requests = [
            mark(1, by: .administrator("eve")), mark(1, by: .anonymous), try post(by: .user("ada")),
            try post(by: bot), try post(by: .anonymous),
        ]
        let needs = BatchPlan.Needs(requests)
        #expect(needs.members == [reference("eve"), reference("ada")])
        #expect(needs.chats == [Self.chat])
    }
}
