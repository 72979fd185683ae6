import ChatDomain
import ChatLive
import NIOCore

/// Waits for the next entry of a log: until there is one, the time is over, the client has gone or the server ends.
final class LogWaiter: ChannelInboundHandler, RemovableChannelHandler, LiveSink {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let hub: EventHub
    private let chat: StreamedChat
    private let patience: TimeAmount
    private let onEnd: () -> Void
    private var reader: LiveReader?
    private var deadline: Scheduled<Void>?
    private var context: ChannelHandlerContext?

    /// - Parameter onEnd: Called once, on the event loop.
    init(_ chat: StreamedChat, of hub: EventHub, patience: TimeAmount, onEnd: @escaping () -> Void) {
        self.chat = chat
        self.hub = hub
        self.patience = patience
        self.onEnd = onEnd
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let reader = LiveReader(hub.topics(on: context.eventLoop), of: context.channel.clientAddress, sink: self)
        self.reader = reader
        guard context.channel.isActive else { return end() }
        let loopBound = NIOLoopBound(self, eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: patience) { loopBound.value.end() }
        reader.start(reader.add(chat), chat)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        end()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed, is ChannelShouldQuiesceEvent: end()
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func end() {
        guard let reader else { return }
        self.reader = nil
        deadline?.cancel()
        reader.end()
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

    /// Nothing is written here.
    var isWritable: Bool { true }

    func send(_ event: LiveEvent, from follow: LogFollow) {
        if event.position != nil { end() }
    }

    func sendDeleted(_ follow: LogFollow) {
        end()
    }

    func overflow() {
        end()
    }

    func reset(in epoch: Epoch) {
        end()
    }

    func fail(_ follow: LogFollow) {
        end()
    }

    func sendCaughtUp(_ follow: LogFollow) {}
    func sendHeartbeat() {}
    func flush() {}
    func discover(_ chats: [ChatID], in epoch: Epoch?) {}
}
