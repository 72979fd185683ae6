import ChatDomain
import ChatPostgres
import ChatTestSupport
import Testing

/// What every store must do with slow mode.
@Suite(.timeLimit(.minutes(5)))
struct SlowModeConformanceTests {
    private static let start = Instant(microsecondsSinceEpoch: 1_800_000_000_000_000)

    private func withSlowChat(
        on kind: StoreUnderTest,
        _ body: (any ServiceStore & ChatArchive, SteppingClock) async throws -> Void
    ) async throws {
        let clock = SteppingClock(at: Self.start)
        try await kind.withStoreAndSQL(clock: clock.clock) { store, _ in
            let members = MemberIDs(["bob", "mo"])
            let draft = ChatDraft(title: try ChatTitle("chat"), members: members)
            _ = try await store.createChat(draft, by: .ungranted("ada"))
            try await store.change(.setRole("mo", .moderator), in: 1, by: "ada")
            let chat = try await store.updateChat(1, ChatEdit(slowMode: SlowMode(seconds: 30)), by: .ungranted("mo"))
            #expect(chat.slowMode == SlowMode(seconds: 30))
            #expect(try await store.chat(1) == chat)
            try await body(store, clock)
        }
    }

    private func draft(_ text: String = "text", key: String? = nil) throws -> MessageDraft {
        MessageDraft(text: try MessageText(text), idempotencyKey: key.flatMap(IdempotencyKey.init))
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a member waits between two messages, and nobody else does`(_ kind: StoreUnderTest) async throws {
        try await withSlowChat(on: kind) { store, clock in
            let (bob, message) = (Caller.ungranted("bob"), LogChange.post(try draft()))
            let first = try await store.recordMessage(message, in: 1, by: bob).value
            await #expect(throws: StoreError.tooSoon(seconds: 30)) {
                try await store.recordMessage(message, in: 1, by: bob)
            }
            // Deleting the message does not help.
            try await store.delete(first.id, in: 1, by: bob)
            clock.advance(to: 29)
            await #expect(throws: StoreError.tooSoon(seconds: 1)) {
                try await store.recordMessage(message, in: 1, by: bob)
            }
            let exempt: [Caller] = [
                .ungranted("ada"), .ungranted("mo"), .anonymous, .administrator("root"),
                Caller(author: "robot", rights: .user(.bot, Grants(everywhere: .member))),
                Caller(author: nil, rights: .everyChat(.member)), .user("guard", .moderator),
            ]
            for caller in exempt {
                for _ in 0..<2 {
                    _ = try await store.recordMessage(message, in: 1, by: caller)
                }
            }
            // A grant without a membership, and a server key that acts as a user, are no exemption.
            let acting = Caller(author: "bob", rights: .user(.user), isDelegated: true)
            await #expect(throws: StoreError.tooSoon(seconds: 1)) {
                try await store.recordMessage(message, in: 1, by: acting)
            }
            let guest = Caller.user("guest", .member)
            _ = try await store.recordMessage(message, in: 1, by: guest)
            await #expect(throws: StoreError.tooSoon(seconds: 30)) {
                try await store.recordMessage(message, in: 1, by: guest)
            }
            clock.advance(to: 30)
            _ = try await store.recordMessage(message, in: 1, by: bob)
            // Each entry has taken a position, and each refusal none.
            #expect(try await store.chat(1).lastPosition.rawValue == Int64(4 + 2 + 2 * exempt.count + 2))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `of simultaneous messages, one is accepted, and a retry gets the first response`(_ kind: StoreUnderTest)
        async throws
    {
        try await withSlowChat(on: kind) { store, _ in
            let bob = Caller.ungranted("bob")
            let drafts = try (0..<20).map { try draft("text \($0)") }
            let accepted = await withTaskGroup(of: Bool.self) { group in
                for draft in drafts {
                    group.addTask { (try? await store.recordMessage(.post(draft), in: 1, by: bob)) != nil }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(accepted == 1)
            let eve = Caller.user("eve", .member)
            let keyed = LogChange.post(try draft(key: "k"))
            let first = try await store.recordMessage(keyed, in: 1, by: eve)
            #expect(try await store.recordMessage(keyed, in: 1, by: eve) == Accepted(first.value, isReplay: true))
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `slow mode is changed like other settings, by moderators alone`(_ kind: StoreUnderTest) async throws {
        try await withSlowChat(on: kind) { store, _ in
            let log = try await store.log(of: 1, after: 3, limit: 10)
            #expect(log.entries.map(\.kind) == [.chatUpdated])
            let (bob, mo) = (Caller.ungranted("bob"), Caller.ungranted("mo"))
            let edit = ChatEdit(slowMode: SlowMode(seconds: 5))
            await #expect(throws: StoreError.forbidden) { try await store.updateChat(1, edit, by: bob) }
            let both = ChatEdit(title: try ChatTitle("other"), slowMode: SlowMode(seconds: 5))
            await #expect(throws: StoreError.forbidden) { try await store.updateChat(1, both, by: mo) }
            #expect(try await store.updateChat(1, edit, by: mo).lastPosition == 5)
            #expect(try await store.updateChat(1, edit, by: mo).lastPosition == 5, "unchanged")
            let off = try await store.updateChat(1, ChatEdit(slowMode: .off), by: .ungranted("ada"))
            #expect(off.slowMode == .off)
            for _ in 0..<2 {
                _ = try await store.recordMessage(.post(try draft()), in: 1, by: bob)
            }
        }
    }

    /// Another process, or the same one after a restart, knows of a user's last message from the log.
    @Test func `slow mode holds on every server`() async throws {
        try await TestPostgres.withDatabase { url in
            let clock = SteppingClock(at: Self.start)
            try await withPostgres(url, clock: clock.clock) { one in
                _ = try await one.createChat(
                    ChatDraft(title: try ChatTitle("chat"), members: MemberIDs(["bob"])),
                    by: .ungranted("ada")
                )
                _ = try await one.updateChat(1, ChatEdit(slowMode: SlowMode(seconds: 30)))
                let message = LogChange.post(try draft())
                _ = try await one.recordMessage(message, in: 1, by: .ungranted("bob"))
                try await withPostgres(url, clock: clock.clock) { other async throws in
                    _ = await #expect(throws: StoreError.tooSoon(seconds: 30)) {
                        try await other.recordMessage(message, in: 1, by: .ungranted("bob"))
                    }
                }
            }
        }
    }
}
