import ChatDomain
import ChatLive
import ChatTestSupport
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// A chat with open messages, a hub on two event loops, and readers.
final class Growth: Sendable {
    let store: any ServiceStore
    let hub: EventHub
    let chat: ChatID
    let group: any EventLoopGroup
    let eventLoops: [any EventLoop]
    private let readers = Mutex<[GrowthReader]>([])

    init(_ store: any ServiceStore, _ hub: EventHub, _ chat: ChatID, _ group: any EventLoopGroup) {
        self.store = store
        self.hub = hub
        self.chat = chat
        self.group = group
        eventLoops = Array(group.makeIterator())
    }

    /// Subscribes a reader.
    ///
    /// - Parameters:
    ///   - position: Nil for the end of the log.
    ///   - text: What the reader has read of an open message.
    func subscribe(
        after position: Position? = nil,
        on index: Int = 0,
        having text: (message: OpenMessage, sent: PublishedText.Extent)? = nil
    ) async throws -> GrowthReader {
        let eventLoop = eventLoops[index]
        let interest = hub.interest(in: chat, on: eventLoop)
        let snapshot = try await store.chats(withIDs: [chat])
        let head = try #require(snapshot.heads.first)
        var start = SubscriptionStart(interest, of: head, after: position, in: snapshot.epoch)
        start.text = text
        let reader = try await GrowthReader(start, of: hub, on: eventLoop)
        readers.withLock { $0.append(reader) }
        return reader
    }

    /// Posts an open message and announces it.
    func open(_ text: String = "") async throws -> OpenMessage {
        let draft = MessageDraft(opening: try StreamedText(text), ttl: .standard)
        let message = OpenMessage(try await store.recordMessage(.post(draft), in: chat).value)
        hub.opened(message)
        return message
    }

    func write(_ text: String, at offset: Int, to message: OpenMessage) throws {
        _ = try message.write(text, at: offset, status: nil)
        hub.grew(message)
    }

    /// Commits the end of a message.
    func finish(_ message: OpenMessage) async throws {
        let text = try StreamedText(message.text)
        let finish = MessageFinish(StreamEnd(.done), text: text)
        _ = try await store.recordMessage(.finish(message.reference.id, finish, epoch: 0), in: chat)
    }

    /// Ends all readers; expects that none was sent anything against the rules.
    func end() async throws {
        for reader in readers.withLock({ $0 }) {
            try await reader.end()
            #expect(reader.violations == [])
        }
    }
}

/// Runs a test on an empty chat.
func withGrowth(_ body: (Growth) async throws -> Void) async throws {
    try await StoreUnderTest.sqliteInMemory.withStore { store in
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let chat = try await store.createChat(titled: ChatTitle("chat")).id
        let growth = Growth(store, EventHub(store, eventLoops: group), chat, group)
        do {
            try await body(growth)
            try await growth.end()
        } catch {
            try await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }
}

extension OpenMessage {
    /// An open message of chat 1.
    static func sample(_ id: MessageID, at position: Position, text: String = "") -> OpenMessage {
        let instant = Instant(microsecondsSinceEpoch: 0)
        return OpenMessage(Message(id: id, chatID: 1, position: position, text: text, createdAt: instant))
    }
}
