import ChatDomain
import ChatIdentity
import ChatLive
import ChatOperations
import ChatWire
import NIOCore

/// A streamed response: writes the events of its subscriber into the connection until one of them ends.
///
/// It sits at the front of the pipeline: its bytes are already framed and pass no other handler but TLS. The connection
/// it takes over writes the response head and the end of the body.
final class EventStream: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Reads those of the chats that are on a caller's list; nil if the store fails.
    typealias FindChats = @Sendable (Caller, [ChatID]) async -> ChatSnapshot?

    let hub: EventHub
    let findChats: FindChats
    /// Nil except in a stream of an inbox.
    private let followInbox: InboxConnection.Follow?
    private var inbox: InboxConnection?
    /// Whether the inbox has not been sent as a whole yet.
    var isInboxBehind = false
    /// Its chats move out when their subscriptions start, so that an interest ends with its subscription.
    var start: StreamStart
    let form: EventForm
    let tally: StreamTally
    let client: StreamAdmissions.Admission
    /// Nil for an anonymous client, and once the stream has ended.
    private(set) var lifetime: CredentialLifetime?
    /// Whether the response body is chunked; otherwise, events are written without their chunk framing.
    private let isChunked: Bool
    /// The open message whose text the stream is limited to; nil for all events.
    let message: BatchPlan.MessageReference?
    /// In a stream of plain text, what the client has; nil in a stream of events.
    var plainText: GrowingText?
    private let onEnd: () -> Void
    private(set) var context: ChannelHandlerContext?
    private(set) var subscriber: Subscriber?
    /// A copy of the channel's `isWritable`, which takes longer to read than an event takes to write.
    private var channelIsWritable = false
    /// The number of bytes written since the last flush: TLS encrypts them, and the channel counts them, only then.
    private var unflushedBytes = 0
    /// Chats of the start that have not caught up yet.
    var behind: Set<ChatID> = []
    /// Chats that are being looked up before the stream subscribes to them, and whether they were signalled again
    /// meanwhile.
    var discovered: [ChatID: Bool] = [:]
    /// Entries sent so far, by which chats are ordered by activity.
    var activity = 0
    /// The length of the last id of a stream of several chats, and the bytes written since, both in bytes.
    private var bytesOfID = 0
    private var bytesSinceID = 0
    private(set) var repeatsSince: NIODeadline?

    /// - Parameter onEnd: Called once, on the event loop.
    init(
        _ start: StreamStart,
        as form: EventForm,
        to client: StreamAdmissions.Admission,
        until lifetime: CredentialLifetime?,
        counting tally: StreamTally,
        of hub: EventHub,
        findChats: @escaping FindChats,
        followInbox: InboxConnection.Follow?,
        isPlainText: Bool,
        isChunked: Bool,
        onEnd: @escaping () -> Void
    ) {
        self.start = start
        self.form = form
        self.client = client
        self.lifetime = lifetime
        self.tally = tally
        self.hub = hub
        self.findChats = findChats
        self.followInbox = followInbox
        isInboxBehind = followInbox != nil
        message = start.text?.reference
        plainText = isPlainText ? start.text.map { GrowingText($0.message.text) } : nil
        self.isChunked = isChunked
        self.onEnd = onEnd
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let subscriber = Subscriber(client: client.client, sink: self)
        self.subscriber = subscriber
        hub.shard(on: context.eventLoop).add(subscriber)
        if start.scope == .allChats {
            hub.addStreamsOfAllChats(1, on: context.eventLoop)
        }
        guard context.channel.isActive else { return end() }
        channelIsWritable = context.channel.isWritable
        context.channel.prepareForStreaming(hub.limits)
        if let text = start.text {
            writeBeginning(of: text)
            start.text = nil
        } else {
            behind = Set(start.chats.map(\.interest.chatID))
            writeHello()
        }
        let (chats, deleted, unfollowed) = (start.chats, start.deleted, start.unfollowed)
        (start.chats, start.deleted, start.unfollowed) = ([], [], [])
        for chatID in deleted {
            writeDeleted(chatID, id: nil)
        }
        for (chatID, position) in unfollowed {
            writeUnfollowed(chatID, at: position)
        }
        // The most recently active chat comes first.
        activity = chats.count
        subscribe(to: chats, isStart: true)
        if chats.isEmpty {
            switch start.scope {
            case .inbox: break
            case .allChats: writeCaughtUp()
            case .chat, .chats: end()
            }
        }
        flush()
        if let followInbox, self.subscriber != nil {
            inbox = InboxConnection(to: self, on: context.eventLoop, followInbox)
        }
        lifetime?.start(on: context.eventLoop) { self.expire($0) }
    }

    func subscribe(to chats: [SubscriptionStart], isStart: Bool = false) {
        guard let subscriber, let context else { return }
        // Subscribe first, since every id must contain the positions in all chats.
        let subscriptions = chats.map { subscriber.add($0) }
        for (index, subscription) in subscriptions.enumerated() {
            subscription.activity = activity - index
        }
        for chat in chats {
            chat.news.map { writeNews($0, after: chat.position) }
        }
        // There may be thousands of notices: one id after all of them is enough.
        if isStart || chats.contains(where: { $0.news != nil }) {
            writeID()
        }
        let shard = hub.shard(on: context.eventLoop)
        for (chat, subscription) in zip(chats, subscriptions) where self.subscriber != nil {
            shard.start(subscription, chat)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        channelIsWritable = false
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        channelIsWritable = context.channel.isWritable
        if isWritable, let subscriber {
            hub.shard(on: context.eventLoop).resume(subscriber)
            inbox?.resume()
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

    /// A client that closes its side listens to nothing but this stream, so it has gone.
    func inputClosed() {
        cutOff()
    }

    /// Closes the connection, so that a client sees that the body is incomplete.
    func cutOff() {
        context?.close(promise: nil)
    }

    /// Tells the client to reconnect, which leads it to the next process.
    func shutDown() {
        let delay = Int.random(in: hub.limits.reconnectDelay)
        finish(type: "reconnect", id: combinedID(), retry: delay) { writer in
            writer.member("delay_ms", delay)
        }
    }

    /// Tells the client to reconnect with another credential.
    private func expire(_ error: CredentialError) {
        finish(type: "unauthorized", id: combinedID()) { writer in
            writer.member("reason", error.reasonOfEnd)
        }
    }

    /// Writes a final notice and ends the stream; a stream of plain text is cut off.
    func finish(
        type: String,
        id: String?,
        retry: Int? = nil,
        _ members: (inout JSONWriter) -> Void
    ) {
        guard subscriber != nil, let channel = context?.channel else { return }
        if plainText != nil { return cutOff() }
        // The client may never accept it.
        let closing = channel.eventLoop.scheduleTask(in: TimeAmount(hub.limits.lingering)) {
            channel.close(promise: nil)
        }
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in closing.cancel() }
        writeNotice(type: type, id: id, retry: retry, promise: written, members)
        end()
    }

    func end() {
        guard let subscriber, let context else { return }
        self.subscriber = nil
        lifetime?.cancel()
        lifetime = nil
        inbox?.end()
        flush()
        hub.shard(on: context.eventLoop).remove(subscriber)
        if start.scope == .allChats {
            hub.addStreamsOfAllChats(-1, on: context.eventLoop)
        }
        onEnd()
        context.removeLater(self)
    }
}

/// Writing bytes, and the ids from which a client resumes.
extension EventStream {
    /// How many bytes may wait for a flush; a channel's own limit is the same by default.
    private static let maximumUnflushedBytes = 64 * 1024

    var isWritable: Bool {
        channelIsWritable && unflushedBytes <= Self.maximumUnflushedBytes
    }

    func flush() {
        unflushedBytes = 0
        context?.flush()
    }

    func write(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>? = nil) {
        bytesSinceID += bytes.readableBytes
        unflushedBytes += bytes.readableBytes
        context?.write(wrapOutboundOut(isChunked ? bytes : bytes.withoutChunk), promise: promise)
    }

    /// Writes an event of a stream of several chats, with an id if enough bytes were written since the last one.
    func writeCombined(_ event: LiveEvent) {
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

    /// Writes the first line of an event: the positions of the client in all chats once it has the event.
    private func writeIDField() {
        var field: [UInt8] = []
        field.appendField("id", takeID())
        write(ByteBuffer(chunk: field))
    }

    /// Writes an event with only an id: browsers store it and dispatch nothing.
    func writeID() {
        guard start.scope != .chat, form == .serverSentEvents else { return }
        var block: [UInt8] = []
        block.appendField("id", takeID())
        block.append(UInt8(ascii: "\n"))
        write(ByteBuffer(chunk: block))
    }

    /// Returns the id for the next write: where a client that received it resumes.
    func takeID() -> String {
        guard start.scope != .chat else {
            let position = subscriber?.subscriptions.first?.position ?? start.chats.first?.position
            return LogPlace(epoch: start.epoch, position: position ?? Position(rawValue: 0)).text
        }
        let token = start.inbox.map { InboxStreamCursor(inbox: $0, chats: followedChats).text } ?? cursor.token
        bytesOfID = token.utf8.count
        bytesSinceID = 0
        repeatsSince = nil
        return token
    }

    /// Returns the id in a stream of several chats; nil in a stream of one chat, whose notices have no ids.
    func combinedID() -> String? {
        start.scope == .chat ? nil : takeID()
    }

    /// The positions in the chats that a stream of an inbox follows; nil without any.
    private var followedChats: StreamCursor? {
        let cursor = cursor
        return cursor.positions.isEmpty ? nil : cursor
    }

    var cursor: StreamCursor {
        StreamCursor(
            subscriber?.subscriptions.map { ($0.chatID, $0.position) } ?? [],
            in: start.epoch,
            newest: start.newest
        )
    }
}
