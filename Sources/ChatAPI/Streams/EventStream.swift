import ChatDomain
import ChatLive
import ChatOperations
import ChatWire
import NIOCore

/// A response that never ends by itself: it writes what its reader gets into the connection.
///
/// At the front of the pipeline: its bytes are framed already and pass no other handler. The head of the response and the
/// end of its body are written by the connection that it takes over.
final class EventStream: ChannelInboundHandler, RemovableChannelHandler, LiveSink {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let hub: EventHub
    /// Without the chats once they are followed, whose interests end with the following.
    private var start: StreamStart
    private let form: EventForm
    private let client: StreamAdmissions.Admission
    private let tally: StreamTally
    /// Whether the chunks that events are framed as are what the client reads.
    private let isChunked: Bool
    private let onEnd: () -> Void
    private var context: ChannelHandlerContext?
    private var reader: LiveReader?
    /// What the channel says, which takes longer to ask than an event to write.
    private(set) var isWritable = false
    /// The chats that were there at the beginning and have not caught up.
    private var behind: Set<ChatID> = []
    /// Chats that are being looked at before they are followed.
    private var discovered: Set<ChatID> = []
    /// How many entries were sent, for the chats to know which of them was active last.
    private var activity = 0
    /// How many bytes the last id of a combined stream took, and how many were written since.
    private var bytesOfID = 0
    private var bytesSinceID = 0
    private(set) var repeatsSince: NIODeadline?

    /// - Parameter onEnd: Called once, on the event loop.
    init(
        _ start: StreamStart,
        as form: EventForm,
        to client: StreamAdmissions.Admission,
        counting tally: StreamTally,
        of hub: EventHub,
        isChunked: Bool,
        onEnd: @escaping () -> Void
    ) {
        self.start = start
        self.form = form
        self.client = client
        self.tally = tally
        self.hub = hub
        self.isChunked = isChunked
        self.onEnd = onEnd
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let reader = LiveReader(hub.topics(on: context.eventLoop), of: client.address, sink: self)
        self.reader = reader
        if start.scope == .allChats {
            hub.addReadersOfAll(1, on: context.eventLoop)
        }
        guard context.channel.isActive else { return end() }
        isWritable = context.channel.isWritable
        context.channel.prepareForStreaming(hub.limits)
        behind = Set(start.chats.map(\.interest.chatID))
        writeHello()
        let (chats, deleted, unfollowed) = (start.chats, start.deleted, start.unfollowed)
        (start.chats, start.deleted, start.unfollowed) = ([], [], [])
        for chatID in deleted {
            writeDeleted(chatID, id: nil)
        }
        for (chatID, position) in unfollowed {
            writeUnfollowed(chatID, at: position)
        }
        // The list begins with the one that was active last.
        activity = chats.count
        follow(chats, isStart: true)
        if chats.isEmpty {
            start.scope == .allChats ? writeCaughtUp() : end()
        }
        flush()
    }

    private func follow(_ chats: [StreamedChat], isStart: Bool = false) {
        guard let reader else { return }
        // Every id is to hold the positions in all of them.
        let follows = chats.map { reader.add($0) }
        for (index, follow) in follows.enumerated() {
            follow.activity = activity - index
        }
        for chat in chats {
            chat.news.map { writeNews($0, after: chat.position) }
        }
        // A client can be told of thousands: one position in all chats is enough.
        if isStart || chats.contains(where: { $0.news != nil }) {
            writeID()
        }
        for (chat, follow) in zip(chats, follows) where self.reader != nil {
            reader.start(follow, chat)
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
        finish(type: "reconnect", id: start.scope == .chat ? nil : takeID(), retry: delay) { writer in
            writer.member("delay_ms", delay)
        }
    }
}

extension EventStream {
    func flush() {
        context?.flush()
    }

    func send(_ event: LiveEvent, from follow: LogFollow) {
        tally.countEvent()
        if start.scope == .allChats, event.place != nil {
            activity += 1
            follow.activity = activity
        }
        if start.scope == .chat || form == .jsonLines {
            write(form.bytes(of: event))
        } else {
            let bytes = EventForm.serverSentEventsWithoutID.bytes(of: event)
            if event.place != nil {
                if bytesSinceID + bytes.readableBytes >= bytesOfID * hub.limits.bytesPerIDByte {
                    writeIDField()
                } else {
                    repeatsSince = repeatsSince ?? .now()
                }
            }
            write(bytes)
        }
    }

    /// The first line of an event: where a client that has it stands in all chats.
    private func writeIDField() {
        var field: [UInt8] = []
        field.appendField("id", takeID())
        write(ByteBuffer(chunk: field))
    }

    /// An event that is nothing but its id: browsers take note of it and show nothing.
    private func writeID() {
        guard start.scope != .chat, form == .serverSentEvents else { return }
        var block: [UInt8] = []
        block.appendField("id", takeID())
        block.append(UInt8(ascii: "\n"))
        write(ByteBuffer(chunk: block))
    }

    /// Where a client that comes back begins, for what is written next.
    private func takeID() -> String {
        guard start.scope != .chat else {
            let position = reader?.follows.first?.state.position ?? start.chats.first?.position
            return LogPlace(epoch: start.epoch, position: position ?? Position(rawValue: 0)).text
        }
        let token = cursor.token
        bytesOfID = token.utf8.count
        bytesSinceID = 0
        repeatsSince = nil
        return token
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
        writeDeleted(follow.chatID, id: start.scope == .chat ? nil : takeID())
        if start.scope != .allChats, reader?.follows.isEmpty == true {
            end()
        } else {
            leaveBehind(follow.chatID)
        }
    }

    func sendHeartbeat() {
        repeatsSince == nil ? write(form.heartbeat) : writeID()
    }

    func discover(_ chats: [ChatID], in epoch: Epoch?) {
        guard start.scope == .allChats, let reader, let eventLoop = context?.eventLoop else { return }
        if let epoch, epoch != start.epoch { return reset(in: epoch) }
        let known = discovered.union(reader.follows.map(\.chatID))
        let new = chats.filter { !known.contains($0) }
        if new.isEmpty { return }
        discovered.formUnion(new)
        let interests = new.map { hub.interest(in: $0, on: eventLoop) }
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        Task { [hub] in
            let found = await hub.chats(new)
            eventLoop.execute { loopBound.value.follow(found, interests, among: chats) }
        }
    }

    /// Follows chats that were created since the stream began, or have become active.
    ///
    /// - Parameters:
    ///   - found: Those that are there; the others are looked for again when they are heard of again.
    ///   - active: Chats that do not make room for them.
    private func follow(_ found: ChatSnapshot?, _ interests: [LogInterest], among active: [ChatID]) {
        discovered.subtract(interests.map(\.chatID))
        guard let found, reader != nil else { return }
        guard found.epoch == start.epoch else { return reset(in: found.epoch) }
        let chats = Dictionary(uniqueKeysWithValues: found.heads.map { ($0.chat.id, $0) })
        let joining = interests.filter { chats[$0.chatID] != nil }
        let room = makeRoom(for: joining.count, keeping: active)
        let streamed = joining.prefix(room).compactMap { interest in
            chats[interest.chatID].map { head in
                let isCreated = start.newest.map { interest.chatID.rawValue > $0.rawValue } ?? true
                return hub.joining(interest, head, isCreated: isCreated, in: found.epoch)
            }
        }
        if let newest = start.newest {
            start.newest = ([newest] + joining.map(\.chatID)).max { $0.rawValue < $1.rawValue }
        }
        activity += streamed.count
        follow(streamed)
        flush()
    }

    /// Ends the following of the chats that were active longest ago, as far as others need their place.
    ///
    /// - Returns: How many chats there is room for now.
    private func makeRoom(for count: Int, keeping active: [ChatID]) -> Int {
        guard let reader else { return 0 }
        let excess = reader.follows.count + count - hub.limits.maximumChats
        if excess > 0 {
            start.newest = start.newest ?? reader.follows.map(\.chatID).max { $0.rawValue < $1.rawValue }
            let kept = Set(active)
            let others = reader.follows.filter { !kept.contains($0.chatID) }.sorted { $0.activity < $1.activity }
            for follow in others.prefix(excess) {
                reader.unfollow(follow)
                writeUnfollowed(follow.chatID, at: follow.state.position)
                leaveBehind(follow.chatID)
            }
        }
        return hub.limits.maximumChats - reader.follows.count
    }

    func overflow() {
        finish(type: "overflow", id: start.scope == .chat ? nil : takeID()) { _ in }
    }

    func reset(in epoch: Epoch) {
        let beginning =
            switch start.scope {
            case .chat: LogPlace(epoch: epoch, position: Position(rawValue: 0)).text
            case .chats: cursor.restarted(in: epoch).token
            case .allChats: StreamCursor([], in: epoch).token
            }
        finish(type: "reset", id: beginning, retry: Int.random(in: hub.limits.reconnectDelay)) { writer in
            writer.member("epoch", epoch)
        }
    }

    func fail(_ follow: LogFollow) {
        finish(
            type: "failed",
            id: start.scope == .chat ? nil : takeID(),
            retry: hub.limits.failureDelay
        ) { writer in
            writer.hole(in: follow)
        }
    }
}

extension EventStream {
    private var cursor: StreamCursor {
        StreamCursor(
            reader?.follows.map { ($0.chatID, $0.state.position) } ?? [],
            in: start.epoch,
            newest: start.newest
        )
    }

    private func writeHello() {
        let delay = Int.random(in: hub.limits.reconnectDelay)
        // That of a combined stream comes after the news of chats that were deleted or created meanwhile.
        writeNotice(type: "hello", id: start.scope == .chat ? takeID() : nil, retry: delay) { writer in
            writer.member("epoch", start.epoch)
            if start.scope == .chat, let chat = start.chats.first {
                chat.writeMembers(to: &writer)
            } else {
                writer.member("chats") { writer in
                    writer.array(start.chats) { writer, chat in
                        writer.object { chat.writeMembers(to: &$0) }
                    }
                }
                if start.newest != nil {
                    writer.member("has_more", true)
                }
            }
            writer.member("heartbeat_seconds", hub.limits.heartbeat.components.seconds)
        }
    }

    private func writeCaughtUp() {
        writeNotice(type: "caught_up", id: takeID()) { _ in }
    }

    private func writeNews(_ news: StreamedChat.News, after position: Position) {
        writeNotice(type: news.isCreated ? "chat.created" : "chat.followed") { writer in
            writer.member("chat_id", news.chat.id)
            if !news.isCreated {
                writer.member("after", position)
            }
            writer.member("chat", news.chat)
        }
    }

    private func writeUnfollowed(_ chatID: ChatID, at position: Position) {
        writeNotice(type: "chat.unfollowed") { writer in
            writer.member("chat_id", chatID)
            writer.member("last_seq", position)
        }
    }

    private func writeDeleted(_ chatID: ChatID, id: String?) {
        writeNotice(type: "chat.deleted", id: id) { writer in
            writer.member("chat_id", chatID)
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
        write(form.bytes(type: type, id: id, json: writer.bytes, retry: retry), promise: promise)
    }

    private func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>? = nil) {
        bytesSinceID += bytes.readableBytes
        context?.write(wrapOutboundOut(isChunked ? bytes : bytes.withoutChunk), promise: promise)
    }

    private func finish(
        type: String,
        id: String?,
        retry: Int? = nil,
        _ members: (inout JSONWriter) -> Void
    ) {
        guard reader != nil, let channel = context?.channel else { return }
        // The client may never take it.
        let closing = channel.eventLoop.scheduleTask(in: TimeAmount(hub.limits.lingering)) {
            channel.close(promise: nil)
        }
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in closing.cancel() }
        writeNotice(type: type, id: id, retry: retry, promise: written, members)
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
        leave()
    }

    private func leave() {
        guard let context else { return }
        let loopBound = NIOLoopBound(self, eventLoop: context.eventLoop)
        // Not while the channel tells its handlers something.
        context.eventLoop.execute {
            loopBound.value.context?.pipeline.syncOperations.removeHandler(loopBound.value, promise: nil)
        }
    }
}

extension StreamedChat {
    fileprivate func writeMembers(to writer: inout JSONWriter) {
        writer.member("chat_id", interest.chatID)
        writer.member("last_seq", end)
    }
}
