import ChatDomain
import ChatIdentity
import ChatLive
import NIOCore

/// Waits for a change, the timeout, the end of the credential or of the connection, or the shutdown,
/// whichever comes first.
final class LongPoll: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// What a poll waits for.
    enum Subject: Sendable {
        /// The next entry of a chat's log.
        case chat(SubscriptionStart)
        /// More text of an open message, or its end.
        case text(SubscriptionStart, of: BatchPlan.MessageReference)
        /// The end of a call, which must return when its task is cancelled.
        case call(@Sendable () async -> Void)
    }

    private let hub: EventHub
    private let address: String
    private let client: String
    private let subject: Subject
    private var call: Task<Void, Never>?
    private let timeout: TimeAmount
    private let lifetime: CredentialLifetime?
    private let onEnd: (CredentialError?) -> Void
    private var subscriber: Subscriber?
    private var deadline: Scheduled<Void>?
    private var context: ChannelHandlerContext?

    /// - Parameters:
    ///   - address: The client address, for the list of streams.
    ///   - client: Who counts as one client; see `AddressBlock`.
    ///   - lifetime: Nil for an anonymous client.
    ///   - onEnd: Called once, on the event loop, with an error if the credential has ended.
    init(
        for subject: Subject,
        of hub: EventHub,
        address: String,
        client: String,
        timeout: TimeAmount,
        until lifetime: CredentialLifetime?,
        onEnd: @escaping (CredentialError?) -> Void
    ) {
        self.subject = subject
        self.hub = hub
        self.address = address
        self.client = client
        self.timeout = timeout
        self.lifetime = lifetime
        self.onEnd = onEnd
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let subscriber = Subscriber(client: client, sink: self)
        self.subscriber = subscriber
        let shard = hub.shard(on: context.eventLoop)
        shard.add(subscriber)
        guard context.channel.isActive else { return end() }
        let loopBound = NIOLoopBound(self, eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: timeout) { loopBound.value.end() }
        lifetime?.start(on: context.eventLoop) { self.end($0) }
        switch subject {
        case .chat(let chat), .text(let chat, _): shard.start(subscriber.add(chat), chat)
        case .call(let body):
            call = Task { [eventLoop = context.eventLoop] in
                await body()
                eventLoop.execute { loopBound.value.end() }
            }
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
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

    private func end(_ error: CredentialError? = nil) {
        guard let subscriber, let context else { return }
        self.subscriber = nil
        deadline?.cancel()
        call?.cancel()
        lifetime?.cancel()
        hub.shard(on: context.eventLoop).remove(subscriber)
        onEnd(error)
        context.removeLater(self)
    }
}

/// A sink that writes nothing: any entry or error ends the wait.
extension LongPoll: EventSink {
    var isWritable: Bool { true }

    var peer: StreamPeer {
        StreamPeer(.longPoll, address: address, lifetime?.credential)
    }

    func send(_ event: LiveEvent, from subscription: Subscription) {
        if subject.isChanged(by: event) { end() }
    }

    func sendDeleted(_ subscription: Subscription) {
        end()
    }

    func overflow() {
        end()
    }

    func reset(in epoch: Epoch) {
        end()
    }

    func fail(_ subscription: Subscription) {
        end()
    }

    func sendCaughtUp(_ subscription: Subscription) {}
    func sendHeartbeat() {}
    func flush() {}
}

extension LongPoll.Subject {
    fileprivate func isChanged(by event: LiveEvent) -> Bool {
        switch self {
        case .chat: return event.position != nil
        case .text(_, let message):
            guard let change = event.change, change.message == message, !event.isCreation else { return false }
            // A status is not part of the text.
            if case .grew(let piece) = change.kind { return !piece.text.isEmpty }
            return true
        case .call: return false
        }
    }
}
