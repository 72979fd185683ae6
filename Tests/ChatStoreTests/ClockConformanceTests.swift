import ChatDomain
import ChatPostgres
import ChatTestSupport
import PostgresClient
import Synchronization
import Testing

/// How a wrong clock affects the timestamps of a log.
@Suite(.timeLimit(.minutes(5)))
struct ClockConformanceTests {
    private static let year = Duration.seconds(365 * 86_400)

    /// A machine's clock that the test sets.
    private final class SetClock: Sendable {
        private let offset = Mutex(Duration.zero)
        let leaps = Mutex<[Duration]>([])

        func set(ahead duration: Duration) {
            offset.withLock { $0 = duration }
        }

        func makeClock() -> ChatClock {
            let (start, count) = (Instant.now(), ContinuousClock.now)
            return ChatClock(
                wall: { start.advanced(by: self.offset.withLock { $0 }) },
                count: { count },
                onLeap: { leap in self.leaps.withLock { $0.append(leap) } }
            )
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `timestamps do not follow a clock that jumps ahead`(_ store: StoreUnderTest) async throws {
        let machine = SetClock()
        let clock = machine.makeClock()
        try await store.withStoreAndSQL(clock: clock) { store, _ in
            let chat = try await store.createChat(titled: ChatTitle("before"))
            let first = try await store.postMessage(MessageText("before"), to: chat.id)
            machine.set(ahead: Self.year)
            let second = try await store.postMessage(MessageText("while"), to: chat.id)
            #expect(second.createdAt == first.createdAt)
            #expect(try await store.edit(second.id, in: chat.id, text: "edited").editedAt == first.createdAt)
            #expect(try await store.createChat(titled: ChatTitle("while")).createdAt == first.createdAt)
            #expect(machine.leaps.withLock { $0 } == [Self.year])
            machine.set(ahead: .seconds(30))
            let third = try await store.postMessage(MessageText("after"), to: chat.id)
            #expect(third.createdAt == first.createdAt.advanced(by: .seconds(30)))
            #expect(try await store.newestEntryLead(over: third.createdAt) == nil)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an entry in the future is found and no later one is dated before it`(_ store: StoreUnderTest) async throws {
        try await store.withStoreAndSQL { store, _ in
            let now = Instant.now()
            #expect(try await store.newestEntryLead(over: now) == nil)
            let future = now.advanced(by: Self.year)
            let chat: ChatID = 7
            let head = LogHead(
                chat: Chat(id: chat, title: "from a wrong clock", metadata: nil, createdAt: future),
                instant: future
            )
            let stretch = ArchivedStretch(chat: ArchivedChat(head: head))
            #expect(try await store.importBatch([stretch], skipsConflicts: false).conflicts.isEmpty)
            _ = try await store.createChat(titled: ChatTitle("now"))
            #expect(try await store.newestEntryLead(over: now) == Self.year)
            #expect(try await store.postMessage(MessageText("late"), to: chat).createdAt == future)
        }
    }

    @Test(arguments: [(-90, false), (-50, true), (50, true), (90, false)])
    func `a store whose clock is far from PostgreSQL's is not ready`(_ seconds: Int, _ isReady: Bool) async throws {
        try await TestPostgres.withDatabase { url in
            let clock = ChatClock(wall: { .now().advanced(by: .seconds(seconds)) })
            try await withPostgres(url, clock: clock) { store in
                if isReady {
                    try await store.checkReadiness()
                    return
                }
                let error = await #expect(throws: StoreError.self) { try await store.checkReadiness() }
                let direction = seconds > 0 ? "ahead of" : "behind"
                let reason = try #require(error).reason
                #expect(reason.hasPrefix("this machine's clock is "))
                #expect(reason.hasSuffix(" s \(direction) PostgreSQL's: set it right"))
            }
        }
    }
}
