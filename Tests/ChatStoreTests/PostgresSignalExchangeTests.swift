import ChatDomain
import ChatPostgres
import ChatTestSupport
import PostgresClient
import Testing

/// Processes on one database signal changes of their logs to each other.
@Suite(.timeLimit(.minutes(5)))
struct PostgresSignalExchangeTests {
    /// A process with an exchange, as its own streams see it.
    private final class Peer {
        let signals: LogSignals
        let typing = TypingNotices()
        let growth = GrowthNotices()
        private var received: AsyncStream<LogSignal>.Iterator
        private var typingReceived: AsyncStream<Typing>.Iterator
        private var growthReceived: AsyncStream<GrowthNotice>.Iterator

        init(_ signals: LogSignals) {
            self.signals = signals
            let (received, signal) = AsyncStream.makeStream(of: LogSignal.self)
            self.received = received.makeAsyncIterator()
            signals.addListener { signal.yield($0) }
            let (typingReceived, notice) = AsyncStream.makeStream(of: Typing.self)
            self.typingReceived = typingReceived.makeAsyncIterator()
            typing.addListener { notice.yield($0) }
            let (growthReceived, growth) = AsyncStream.makeStream(of: GrowthNotice.self)
            self.growthReceived = growthReceived.makeAsyncIterator()
            self.growth.addListener { growth.yield($0) }
        }

        /// The next signal, its own or another process's.
        func next() async -> LogSignal? {
            await received.next()
        }

        func nextTyping() async -> Typing? {
            await typingReceived.next()
        }

        func nextGrowth() async -> GrowthNotice? {
            await growthReceived.next()
        }
    }

    private let chat: ChatID = 1

    @Test func `processes receive each other's signals and no echo of their own`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await withPeer(url) { one in
                try await withPeer(url) { other in
                    let metadata = try #require(Metadata(json: #"{"name":"Åsa 'x'"}"#))
                    let typing = Typing(chatID: chat, instant: .now(), metadata: metadata)
                    let moved = LogSignal.moved([chat: 7])
                    for signal in [.created(chat), moved, .accessChanged, .deleted(chat), .missed] {
                        one.signals.send(signal)
                        #expect(await one.next() == signal)
                        #expect(await other.next() == signal)
                        one.typing.send(typing)
                        #expect(await one.nextTyping() == typing)
                        #expect(await other.nextTyping() == typing)
                    }
                    // The next signal is the other's, so its own was not echoed.
                    other.signals.send(.created(2))
                    #expect(await other.next() == .created(2))
                    #expect(await one.next() == .created(2))
                    let answer = Typing(chatID: chat, instant: .now(), metadata: nil)
                    other.typing.send(answer)
                    #expect(await other.nextTyping() == answer)
                    #expect(await one.nextTyping() == answer)
                }
            }
        }
    }

    @Test func `notices about open messages reach other processes, and a text that cannot be sent is wanted`()
        async throws
    {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await withPeer(url) { one in
                try await withPeer(url) { other in
                    let message = BatchPlan.MessageReference(chatID: chat, id: MessageID(rawValue: 9))
                    func send(_ content: GrowthNotice.Content) async -> Bool {
                        let notice = GrowthNotice(message, content)
                        one.growth.send(notice)
                        return await one.nextGrowth() == notice
                    }
                    let text = TextPiece(offset: 3, text: "é\n\\n\t👋🏽", status: "Thinking\nhard")
                    for content in [.grew(text, epoch: 2), .stored(length: 7, epoch: 0), .wanted, .cancelRequested]
                        as [GrowthNotice.Content]
                    {
                        #expect(await send(content))
                        #expect(await other.nextGrowth() == GrowthNotice(message, content))
                    }
                    let long = TextPiece(offset: 0, text: String(repeating: "x", count: 8_000), status: nil)
                    #expect(await send(.grew(long, epoch: 2)))
                    #expect(await one.nextGrowth() == GrowthNotice(message, .wanted))
                    #expect(await send(.stored(length: 8_000, epoch: 2)))
                    #expect(await other.nextGrowth() == GrowthNotice(message, .stored(length: 8_000, epoch: 2)))
                }
            }
        }
    }

    @Test func `a change of access reaches the other processes`() async throws {
        try await TestPostgres.withDatabase { url in
            try await withPostgres(url) { store in
                try await withPeer(url, store.signals) { one in
                    try await withPeer(url) { other in
                        try await store.revokeTokens(of: "ada")
                        #expect(await one.next() == .accessChanged)
                        #expect(await other.next() == .accessChanged)
                    }
                }
            }
        }
    }

    @Test func `processes on other databases receive nothing`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await TestPostgres.withDatabase(migrated: false) { elsewhere in
                try await withPeer(url) { one in
                    try await withPeer(elsewhere) { stranger in
                        try await withPeer(url) { other in
                            one.signals.send(.created(chat))
                            #expect(await other.next() == .created(chat))
                            try await TestPostgres.execute(
                                "NOTIFY chat_api, E'1 0000000000000001\\ndeleted 5'",
                                on: elsewhere
                            )
                            #expect(await stranger.next() == .deleted(5))
                        }
                    }
                }
            }
        }
    }

    @Test func `many signals travel in few notifications`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await withPeer(url) { one in
                try await withPeer(url) { other in
                    let (chats, rounds) = (2_000, 5)
                    for round in 1...rounds {
                        for chat in 1...chats {
                            one.signals.send(
                                .moved([ChatID(rawValue: Int64(chat)): Position(rawValue: Int64(round))])
                            )
                        }
                    }
                    let expected = Dictionary(
                        uniqueKeysWithValues: (1...chats).map {
                            (ChatID(rawValue: Int64($0)), Position(rawValue: Int64(rounds)))
                        }
                    )
                    var heard: [LogSignal] = []
                    while heard.positions != expected, let signal = await other.next() {
                        heard.append(signal)
                    }
                    #expect(heard.positions == expected)
                    // Each notification is one signal here, and so many chats need more than one.
                    #expect((4...chats).contains(heard.count))
                }
            }
        }
    }

    @Test func `anything else on the channel is ignored`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await withPeer(url) { peer in
                let sender = PostgresConnection(PostgresConfiguration(url: url))
                try await sender.open()
                // PostgreSQL's text cannot hold a NUL.
                let foreign = SignalPayloadTests.foreign.filter { !$0.contains("\0") }
                try await sender.run { sender throws(PostgresError) in
                    _ = try sender.query(
                        "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload",
                        [
                            .text(PostgresSignalExchange.channel),
                            .textArray(foreign + ["1 0000000000000001\ncreated 1\nmoved 1 3\nmoved 1 2"]),
                        ]
                    )
                }
                await sender.close()
                #expect(await peer.next() == .created(chat))
                #expect(await peer.next() == .moved([chat: 3]))
            }
        }
    }

    @Test func `a terminated session is replaced and counts as missed`() async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            let (failures, failure) = AsyncStream.makeStream(of: StoreError.self)
            try await withPeer(url) { one in
                try await withPeer(url, onFailure: { failure.yield($0) }) { other in
                    try await TestPostgres.execute(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid()
                        """,
                        on: url
                    )
                    #expect(await one.next() == .missed)
                    #expect(await other.next() == .missed)
                    let error = await failures.first { _ in true }
                    guard case .outcomeUnknown(let reason) = error else {
                        Issue.record("got \(String(describing: error))")
                        return
                    }
                    #expect(reason.contains("the connection was lost"))
                    one.signals.send(.created(chat))
                    #expect(await other.next() == .created(chat))
                }
            }
        }
    }

    /// A notification that was under way may or may not have arrived; `missed` follows in either case.
    @Test(arguments: [(CuttingProxy.Step.cutBefore, false), (.cutAfter, true)])
    func `a lost notification is reported as missed`(_ cut: CuttingProxy.Step, arrives: Bool) async throws {
        try await TestPostgres.withDatabase(migrated: false) { url in
            try await CuttingProxy.withProxy(to: url) { proxy in
                try await withPeer(url.through(proxy)) { one in
                    try await withPeer(url) { other in
                        one.signals.send(.created(chat))
                        #expect(await other.next() == .created(chat))
                        proxy.plan([cut])
                        one.signals.send(.deleted(chat))
                        if arrives {
                            #expect(await other.next() == .deleted(chat))
                        }
                        #expect(await other.next() == .missed)
                        one.signals.send(.created(2))
                        #expect(await other.next() == .created(2))
                    }
                }
            }
        }
    }

    @Test func `an unreachable server is reported but a shutdown is not`() async throws {
        let url = try #require(PostgresURL("postgresql://127.0.0.1:1/x"))
        let (failures, failure) = AsyncStream.makeStream(of: StoreError.self)
        let signals = LogSignals()
        let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 1)
        let exchange = PostgresSignalExchange(database, signals, TypingNotices(), GrowthNotices()) { failure.yield($0) }
        let running = Task {
            await exchange.run()
            failure.finish()
        }
        var iterator = failures.makeAsyncIterator()
        guard case .unavailable = await iterator.next() else {
            Issue.record("it should not have connected")
            return
        }
        // Notifying may fail as well before the end.
        signals.send(.created(chat))
        running.cancel()
        #expect(await iterator.next() == nil)
        await database.close()
    }

    /// Runs `body` with a process that is listening.
    private func withPeer(
        _ url: PostgresURL,
        _ signals: LogSignals = LogSignals(),
        onFailure: @escaping @Sendable (StoreError) -> Void = { _ in },
        _ body: (Peer) async throws -> Void
    ) async throws {
        let peer = Peer(signals)
        let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 1)
        let exchange = PostgresSignalExchange(
            database,
            peer.signals,
            peer.typing,
            peer.growth,
            onFailure: onFailure
        )
        let running = Task { await exchange.run() }
        defer { running.cancel() }
        #expect(await peer.next() == .missed)
        try await body(peer)
        running.cancel()
        await running.value
        await database.close()
    }
}
