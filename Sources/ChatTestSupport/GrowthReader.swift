package import ChatDomain
package import ChatLive
package import NIOCore
import Synchronization

/// A subscriber that records what it receives and follows the reader's rule.
package final class GrowthReader: Sendable {
    private let eventLoop: any EventLoop
    private let record: Record
    private let connection: NIOLoopBound<(sink: Sink, subscriber: Subscriber, shard: TopicShard)>

    /// Subscribes on an event loop of the hub's.
    package init(_ start: SubscriptionStart, of hub: EventHub, on eventLoop: any EventLoop) async throws {
        self.eventLoop = eventLoop
        let record = Record()
        self.record = record
        if let (message, sent) = start.text { record.append { $0.read(message, upTo: sent.length) } }
        connection = try await eventLoop.submit {
            let shard = hub.shard(on: eventLoop)
            let sink = Sink(record)
            let subscriber = Subscriber(client: "client", sink: sink)
            shard.add(subscriber)
            shard.start(subscriber.add(start), start)
            return NIOLoopBound((sink, subscriber, shard), eventLoop: eventLoop)
        }.get()
    }

    package var events: [LiveEvent] {
        record.state.withLock { $0.events }
    }

    /// The type of each event, but the offset and the text of each piece of a message.
    package var summaries: [String] {
        record.state.withLock { $0.summaries }
    }

    /// What was against the rules.
    package var violations: [String] {
        record.state.withLock { $0.violations }
    }

    /// The length of a message's text after each of its pieces, in Unicode scalars.
    package func lengths(of message: MessageID) -> [Int] {
        record.state.withLock { $0.lengths[message.rawValue] } ?? []
    }

    package func pieces(of message: OpenMessage) -> [LiveEvent] {
        record.state.withLock { $0.pieces[message.reference.id.rawValue] } ?? []
    }

    /// Waits for a number of events of a type.
    package func wait(for type: String, count: Int = 1) async {
        await record.wait { state in state.summaries.count { $0 == type } >= count }
    }

    /// Waits until a piece has completed the text of a message.
    package func wait(for text: String, of message: OpenMessage) async {
        await wait(for: text, of: message.reference.id)
    }

    package func wait(for text: String, of message: MessageID) async {
        let (id, scalars) = (message.rawValue, Array(text.unicodeScalars))
        await record.wait { $0.pieces[id] != nil && $0.texts[id] == scalars }
    }

    /// Waits until the event loop has done what it was told to do.
    package func synchronize() async throws {
        try await eventLoop.submit {}.get()
    }

    package func setWritable(_ isWritable: Bool) async throws {
        try await eventLoop.submit { self.setWritable { _ in isWritable } }.get()
    }

    package func toggleWritable() async throws {
        try await eventLoop.submit { self.setWritable { !$0 } }.get()
    }

    private func setWritable(_ change: (Bool) -> Bool) {
        let (sink, subscriber, shard) = connection.value
        sink.isWritable = change(sink.isWritable)
        if sink.isWritable { shard.resume(subscriber) }
    }

    package func end() async throws {
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
        var lengths: [Int64: [Int]] = [:]
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
    mutating func read(_ message: OpenMessage, upTo length: Int) {
        let id = message.reference.id.rawValue
        texts[id] = Array(message.text.unicodeScalars.prefix(length))
        pieces[id] = []
    }

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
        lengths[id, default: []].append(texts[id]?.count ?? 0)
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

    func sendDeleted(_ subscription: Subscription) {
        record.append { $0.summaries.append("chat.deleted") }
    }

    func sendHeartbeat() {}
    func flush() {}
    func reset(in epoch: Epoch) {}
    func fail(_ subscription: Subscription) {}
}
