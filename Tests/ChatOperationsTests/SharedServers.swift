import ChatDomain
import ChatLive
import ChatOperations
import ChatPostgres
import ChatTestSupport
import NIOCore
import NIOPosix
import PostgresClient
import Synchronization
import Testing

/// One of several servers on a database, with a clock of its own.
final class SharedServer: Sendable {
    private final class Clock: Sendable {
        private let instant = Mutex(ContinuousClock.now)

        var now: ContinuousClock.Instant {
            instant.withLock { $0 }
        }

        func advance(by duration: Duration) {
            instant.withLock { $0 += duration }
        }
    }

    static let ada = Caller.ungranted("ada")

    let store: InterceptedStore
    let hub: EventHub
    let growth: GrowthNotices
    /// Receives the chats of each search for open messages, once it is over.
    private let searches = Recorder<[ChatID]>()
    private let streams: HeldMessages<InterceptedStore>
    private let operations: Operations<InterceptedStore>
    private let clock = Clock()
    private let group = MultiThreadedEventLoopGroup.singleton
    private let readers = Mutex<[GrowthReader]>([])

    /// - Parameter signals: Replaces the store's signals, as if another process made all changes.
    init(_ base: any ServiceStore, signals: LogSignals? = nil, _ growth: GrowthNotices = GrowthNotices()) {
        let store = InterceptedStore(base, signals: signals) { [searches] call throws(StoreError) in
            if case .openMessages(let chats) = call { searches.append(chats) }
        }
        self.store = store
        self.growth = growth
        hub = EventHub(store, eventLoops: group)
        streams = HeldMessages(store, hub: hub, growth: growth, now: { [clock] in clock.now })
        operations = Operations(store, hub: hub, typing: TypingNotices(), streams: streams)
    }

    func open(_ text: String = "", ttl: Int64 = 60, in chat: ChatID) async throws -> Message {
        let draft = MessageDraft(opening: try StreamedText(text), ttl: MessageTTL(seconds: ttl))
        return try await operations.postMessage(Self.ada, draft, to: chat).value
    }

    @discardableResult
    func append(
        _ text: String,
        at offset: Int,
        status: String? = nil,
        to message: Message
    ) async throws -> AppendReceipt {
        let piece = try StreamedText(text)
        let chat = message.chatID
        return try await operations.appendText(Self.ada, piece, at: offset, status: status, to: message.id, in: chat)
    }

    func finish(_ message: Message) async throws {
        let finish = MessageFinish(StreamEnd(.done))
        _ = try await operations.finishMessage(Self.ada, message.id, in: message.chatID, finish)
    }

    func cancel(_ message: Message) async throws {
        try await operations.cancelMessage(Self.ada, message.id, in: message.chatID)
    }

    func read(_ message: Message) async throws -> String {
        try await operations.readMessage(Self.ada, message.id, in: message.chatID).text
    }

    /// Reads the text in the database.
    func stored(_ message: Message) async throws -> String {
        try await store.message(message.id, in: message.chatID).text
    }

    /// Lets time pass, and attends to the messages.
    func advance(by duration: Duration) async {
        clock.advance(by: duration)
        await streams.attend()
    }

    /// Subscribes a reader to a chat, from its start.
    ///
    /// The first reader makes the server search the chat for open messages. A message that is opened during the search
    /// may be found, so that its holder stores its text; therefore this returns after the search.
    func subscribe(to chat: ChatID) async throws -> GrowthReader {
        let eventLoop = group.any()
        let isFirst = !hub.isFollowed(chat)
        let interest = hub.interest(in: chat, on: eventLoop)
        if isFirst { _ = await searches.next() }
        let snapshot = try await store.chats(withIDs: [chat])
        let head = try #require(snapshot.heads.first)
        let start = SubscriptionStart(interest, of: head, after: Position(rawValue: 0), in: snapshot.epoch)
        let reader = try await GrowthReader(start, of: hub, on: eventLoop)
        readers.withLock { $0.append(reader) }
        return reader
    }

    /// Ends all readers; expects that none was sent anything against the rules.
    func disconnectReaders() async throws {
        let readers = readers.withLock { readers in
            defer { readers = [] }
            return readers
        }
        for reader in readers {
            try await reader.end()
            #expect(reader.violations == [])
        }
    }
}

/// How two servers on one database hear of each other.
enum ServerLink: CaseIterable {
    /// Without a network.
    case direct
    case postgresql

    /// Runs a test with two servers and an empty chat.
    ///
    /// - Parameter passes: Whether a notice arrives, if the link is direct.
    func withServers(
        where passes: @escaping @Sendable (GrowthNotice) -> Bool = { _ in true },
        _ body: (SharedServer, SharedServer, ChatID) async throws -> Void
    ) async throws {
        switch self {
        case .direct:
            try await StoreUnderTest.sqliteInMemory.withStore { base in
                let one = SharedServer(base, signals: base.movements())
                let other = SharedServer(base, signals: base.movements())
                for (sender, receiver) in [(one, other), (other, one)] {
                    _ = sender.growth.addRelay { if passes($0) { receiver.growth.receive($0) } }
                }
                try await run(one, other, body)
            }
        case .postgresql:
            try await TestPostgres.withDatabase { url in
                try await withPeer(url) { one in
                    try await withPeer(url) { other in try await run(one, other, body) }
                }
            }
        }
    }

    private func run(
        _ one: SharedServer,
        _ other: SharedServer,
        _ body: (SharedServer, SharedServer, ChatID) async throws -> Void
    ) async throws {
        let chat = try await one.store.createChat(ChatDraft(title: ChatTitle("chat")), by: SharedServer.ada).value.id
        try await body(one, other, chat)
        try await one.disconnectReaders()
        try await other.disconnectReaders()
    }

    private func withPeer(_ url: PostgresURL, _ body: (SharedServer) async throws -> Void) async throws {
        let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 4)
        let store = PostgresStore(database, limits: .patient)
        let growth = GrowthNotices()
        let (connections, connection) = AsyncStream.makeStream(of: Void.self)
        let listener = store.signals.addListener { if $0 == .missed { connection.yield() } }
        let exchange = PostgresSignalExchange(database, store.signals, TypingNotices(), growth) { _ in }
        let running = Task { await exchange.run() }
        defer { running.cancel() }
        // It is sent once the exchange listens.
        _ = await connections.first { _ in true }
        store.signals.removeListener(listener)
        try await body(SharedServer(store, growth))
        running.cancel()
        await running.value
        await database.close()
    }
}

extension ChatStore {
    /// The signals of the store as another process hears them.
    fileprivate func movements() -> LogSignals {
        let movements = LogSignals()
        signals.addListener { signal in
            if case .appended(let entries, _) = signal {
                let ends = entries.map { ($0.subject.chatID, $0.position) }
                movements.send(.moved(Dictionary(ends, uniquingKeysWith: max)))
            } else {
                movements.send(signal)
            }
        }
        return movements
    }
}
