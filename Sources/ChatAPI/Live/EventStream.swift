import ChatDomain
import NIOCore

/// A response that never ends by itself: it writes what its reader gets into the connection.
///
/// At the front of the pipeline: its bytes are framed already and pass no other handler. The head of the response and the
/// end of its body are written by Hummingbird.
final class EventStream: ChannelInboundHandler, LiveHandler, LiveSink {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let hub: EventHub
    /// Without the chats once they are followed, whose interests end with the following.
    private var start: StreamStart
    private let onEnd: () -> Void
    private var context: ChannelHandlerContext?
    private var reader: LiveReader?
    /// What the channel says, which takes longer to ask than an event to write.
    private(set) var isWritable = false
    /// The chats that were there at the beginning and have not caught up.
    private var behind: Set<ChatID> = []
    /// Chats that are being looked at before they are followed.
    private var discovered: Set<ChatID> = []

    /// - Parameter onEnd: Called once, on the event loop.
    init(_ start: StreamStart, of hub: EventHub, onEnd: @escaping () -> Void) {
        self.start = start
        self.hub = hub
        self.onEnd = onEnd
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let reader = LiveReader(hub.topics(on: context.eventLoop), of: start.admission.address, sink: self)
        self.reader = reader
        if start.scope == .allChats {
            hub.addReadersOfAll(1, on: context.eventLoop)
        }
        guard context.channel.isActive else { return end() }
        isWritable = context.channel.isWritable
        context.channel.prepareForStreaming(hub.limits)
        writeHello()
        behind = Set(start.chats.map(\.interest.chatID))
        let (chats, deleted) = (start.chats, start.deleted)
        (start.chats, start.deleted) = ([], [])
        follow(chats)
        for chatID in deleted where self.reader != nil {
            // A client can name thousands: one position in all chats is enough.
            writeDeleted(chatID, id: chatID == deleted.last ? id : nil)
        }
        if chats.isEmpty {
            start.scope == .allChats ? writeCaughtUp() : end()
        }
        flush()
    }

    private func follow(_ chats: [StreamedChat]) {
        guard let reader else { return }
        // Every id is to hold the positions in all of them.
        let follows = chats.map { reader.add($0.interest, after: $0.position) }
        for (chat, follow) in zip(chats, follows) where self.reader != nil {
            if let news = chat.news {
                writeCreated(news)
            }
            reader.start(follow, end: chat.end)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        isWritable = false
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable {
            reader?.resume()
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            inputClosed()
        case is ChannelShouldQuiesceEvent:
            shutDown()
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func inputClosed() {
        // Who listens to nothing but this stream has gone.
        context?.close(promise: nil)
    }

    /// Tells the client to come back, to the next process.
    func shutDown() {
        reconnect()
    }

    private func reconnect() {
        let delay = Int.random(in: hub.limits.reconnectDelay)
        finish(type: "reconnect", retry: delay) { writer in
            writer.name("delay_ms")
            writer.value(Int64(delay))
        }
    }
}

extension EventStream {
    func flush() {
        context?.flush()
    }

    func send(_ event: LiveEvent, from follow: LogFollow) {
        start.tally.countEvent()
        if start.scope == .chat || start.form == .jsonLines {
            write(event.bytes(start.form))
        } else {
            if event.position != nil {
                var id: [UInt8] = []
                id.appendField("id", cursor.token)
                write(ByteBuffer(chunk: id))
            }
            write(event.bytes(.serverSentEventsWithoutID))
        }
    }

    func sendCaughtUp(_ follow: LogFollow) {
        leaveBehind(follow.chatID)
    }

    /// Says that the stream has caught up, once the last chat has.
    private func leaveBehind(_ chatID: ChatID) {
        if behind.remove(chatID) != nil, behind.isEmpty {
            writeCaughtUp()
        }
    }

    func sendDeleted(_ follow: LogFollow) {
        writeDeleted(follow.chatID, id: start.scope == .chat ? nil : id)
        if start.scope != .allChats, reader?.follows.isEmpty == true {
            end()
        } else {
            leaveBehind(follow.chatID)
        }
    }

    func sendHeartbeat() {
        write(start.form.heartbeat)
    }

    func discover(_ chats: [ChatID]) {
        guard start.scope == .allChats, let reader, let eventLoop = context?.eventLoop else { return }
        let known = discovered.union(reader.follows.map(\.chatID))
        let new = chats.filter { !known.contains($0) }
        if new.isEmpty { return }
        guard known.count + new.count <= hub.limits.maximumChats else { return reconnect() }
        discovered.formUnion(new)
        let interests = new.map { hub.interest(in: $0, on: eventLoop) }
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        Task { [hub] in
            let chats = await hub.chats(new)
            eventLoop.execute { loopBound.value.follow(chats, interests) }
        }
    }

    /// Follows chats that were created since the stream began.
    ///
    /// - Parameter chats: Those that were found; the others are looked for again when they are heard of again.
    private func follow(_ chats: [Chat], _ interests: [LogInterest]) {
        discovered.subtract(interests.map(\.chatID))
        let beginning = Position(rawValue: 0)
        follow(
            interests.compactMap { interest in
                chats.first { $0.id == interest.chatID }.map { chat in
                    StreamedChat(interest, after: beginning, end: chat.lastPosition, news: chat)
                }
            }
        )
        flush()
    }

    func overflow() {
        finish(type: "overflow") { _ in }
    }
}

extension EventStream {
    private var cursor: StreamCursor {
        StreamCursor(reader?.follows.map { ($0.chatID, $0.state.position) } ?? [])
    }

    /// Where a client that comes back begins.
    private var id: String? {
        if start.scope == .chat {
            reader?.follows.first.map { String($0.state.position.rawValue) }
        } else {
            cursor.token
        }
    }

    private func writeHello() {
        writeNotice(type: "hello", retry: Int.random(in: hub.limits.reconnectDelay)) { writer in
            if start.scope == .chat, let chat = start.chats.first {
                chat.writeMembers(to: &writer)
            } else {
                writer.name("chats")
                writer.array(start.chats) { writer, chat in
                    writer.object { chat.writeMembers(to: &$0) }
                }
            }
            writer.name("heartbeat_seconds")
            writer.value(Int64(hub.limits.heartbeat.components.seconds))
        }
    }

    private func writeCaughtUp() {
        writeNotice(type: "caught_up", id: id) { _ in }
    }

    private func writeCreated(_ chat: Chat) {
        writeNotice(type: "chat.created", id: id) { writer in
            writer.name("chat_id")
            writer.value(chat.id.rawValue)
            writer.name("chat")
            chat.write(to: &writer)
        }
    }

    private func writeDeleted(_ chatID: ChatID, id: String?) {
        writeNotice(type: "chat.deleted", id: id) { writer in
            writer.name("chat_id")
            writer.value(chatID.rawValue)
        }
    }

    private func writeNotice(
        type: String,
        id: String? = nil,
        retry: Int? = nil,
        promise: EventLoopPromise<Void>? = nil,
        _ members: (inout JSONWriter) -> Void
    ) {
        var writer = JSONWriter()
        writer.notice(type, members)
        write(start.form.bytes(type: type, id: id, json: writer.bytes, retry: retry), promise: promise)
    }

    private func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>? = nil) {
        context?.write(wrapOutboundOut(bytes), promise: promise)
    }

    private func finish(type: String, retry: Int? = nil, _ members: (inout JSONWriter) -> Void) {
        guard reader != nil, let channel = context?.channel else { return }
        // The client may never take it.
        let closing = channel.eventLoop.scheduleTask(in: TimeAmount(hub.limits.lingering)) {
            channel.close(promise: nil)
        }
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in closing.cancel() }
        writeNotice(type: type, retry: retry, promise: written, members)
        end()
    }

    private func end() {
        guard let reader else { return }
        self.reader = nil
        flush()
        reader.end()
        if start.scope == .allChats, let context {
            hub.addReadersOfAll(-1, on: context.eventLoop)
        }
        onEnd()
    }
}

extension StreamedChat {
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.name("chat_id")
        writer.value(interest.chatID.rawValue)
        writer.name("last_seq")
        writer.value(end.rawValue)
    }
}
