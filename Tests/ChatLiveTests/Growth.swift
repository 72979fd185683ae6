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
    /// - Parameter position: Nil for the end of the log.
    func subscribe(after position: Position? = nil, on index: Int = 0) async throws -> GrowthReader {
        let eventLoop = eventLoops[index]
        let interest = hub.interest(in: chat, on: eventLoop)
        let snapshot = try await store.chats(withIDs: [chat])
        let head = try #require(snapshot.heads.first)
        let start = SubscriptionStart(interest, of: head, after: position, in: snapshot.epoch)
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

/// A subscriber that records what it receives and follows the reader's rule.
final class GrowthReader: Sendable {
    private let eventLoop: any EventLoop
    private let record: Record
    private let connection: NIOLoopBound<(sink: Sink, subscriber: Subscriber, shard: TopicShard)>

    init(_ start: SubscriptionStart, of hub: EventHub, on eventLoop: any EventLoop) async throws {
        self.eventLoop = eventLoop
        let record = Record()
        self.record = record
        connection = try await eventLoop.submit {
            let shard = hub.shard(on: eventLoop)
            let sink = Sink(record)
            let subscriber = Subscriber(client: "client", sink: sink)
            shard.add(subscriber)
            shard.start(subscriber.add(start), start)
            return NIOLoopBound((sink, subscriber, shard), eventLoop: eventLoop)
        }.get()
    }

    var events: [LiveEvent] {
        record.state.withLock { $0.events }
    }

    /// The type of each event, but the offset and the text of each piece of a message.
    var summaries: [String] {
        record.state.withLock { $0.summaries }
    }

    /// What was against the rules.
    var violations: [String] {
        record.state.withLock { $0.violations }
    }

    func pieces(of message: OpenMessage) -> [LiveEvent] {
        record.state.withLock { $0.pieces[message.reference.id.rawValue] } ?? []
    }

    /// Waits for a number of events of a type.
    func wait(for type: String, count: Int = 1) async {
        await record.wait { state in state.summaries.count { $0 == type } >= count }
    }

    /// Waits until a piece has completed the text of a message.
    func wait(for text: String, of message: OpenMessage) async {
        let (id, scalars) = (message.reference.id.rawValue, Array(text.unicodeScalars))
        await record.wait { $0.pieces[id] != nil && $0.texts[id] == scalars }
    }

    /// Waits until the event loop has done what it was told to do.
    func synchronize() async throws {
        try await eventLoop.submit {}.get()
    }

    func setWritable(_ isWritable: Bool) async throws {
        try await eventLoop.submit { self.setWritable { _ in isWritable } }.get()
    }

    func toggleWritable() async throws {
        try await eventLoop.submit { self.setWritable { !$0 } }.get()
    }

    private func setWritable(_ change: (Bool) -> Bool) {
        let (sink, subscriber, shard) = connection.value
        sink.isWritable = change(sink.isWritable)
        if sink.isWritable { shard.resume(subscriber) }
    }

    func end() async throws {
        try await eventLoop.submit { self.connection.value.shard.remove(self.connection.value.subscriber) }.get()
    }
}

/// What a reader has received.
private final class Record: Sendable {
    struct State {
        var events: [LiveEvent] = []
        var summaries: [String] = []
        var violations: [String] = []
        var pieces: [Int64: [LiveEvent]] = [:]
        var texts: [Int64: [Unicode.Scalar]] = [:]
        /// The ids of messages that are not open any more.
        var ended: Set<Int64> = []
    }

    let state = Mutex(State())
    private let (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    func append(_ change: (inout State) -> Void) {
        state.withLock { change(&$0) }
        self.change.yield()
    }

    /// Returns early if the test is cancelled.
    func wait(until isDone: (State) -> Bool) async {
        if state.withLock({ isDone($0) }) { return }
        for await _ in changes where state.withLock({ isDone($0) }) { return }
    }
}

extension Record.State {
    mutating func receive(_ event: LiveEvent) {
        events.append(event)
        guard let json = try? JSON(parsing: event.json) else { return violations.append("not JSON") }
        if event.type == "message.appended" {
            receive(event, json)
            return
        }
        summaries.append(event.type)
        guard let message = json["message"], let id = message["id"]?.integer else { return }
        texts[id] = Array((message["text"]?.string ?? "").unicodeScalars)
        if event.type != "message.created" { ended.insert(id) }
    }

    /// Applies the reader's rule.
    private mutating func receive(_ piece: LiveEvent, _ json: JSON) {
        guard let id = json["message_id"]?.integer, let offset = json["at"]?.integer, let text = json["text"]?.string
        else { return violations.append("incomplete") }
        summaries.append("\(offset) \(text)")
        if ended.contains(id) { violations.append("\(id) has ended") }
        if pieces[id] == nil, offset > 0 { violations.append("\(id) starts at \(offset)") }
        if offset > texts[id]?.count ?? 0 { violations.append("\(id) continues at \(offset)") }
        texts[id] = Array((texts[id] ?? []).prefix(Int(offset))) + Array(text.unicodeScalars)
        pieces[id, default: []].append(piece)
    }
}

private final class Sink: EventSink {
    var isWritable = true
    var peer: StreamPeer { StreamPeer(.stream, address: "192.0.2.1", user: nil, serverKey: nil) }
    private let record: Record

    init(_ record: Record) {
        self.record = record
    }

    func send(_ event: LiveEvent, from subscription: Subscription) {
        let isWritable = isWritable
        record.append { state in
            if !isWritable { state.violations.append("sent to a connection that accepts no more") }
            state.receive(event)
        }
    }

    func sendCaughtUp(_ subscription: Subscription) {
        record.append { $0.summaries.append("caught_up") }
    }

    func overflow() {
        record.append { $0.violations.append("overflow") }
    }

    func sendDeleted(_ subscription: Subscription) {}
    func sendHeartbeat() {}
    func flush() {}
    func reset(in epoch: Epoch) {}
    func fail(_ subscription: Subscription) {}
}
