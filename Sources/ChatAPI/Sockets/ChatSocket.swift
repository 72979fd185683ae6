import ChatDomain
import ChatLive
import ChatWire
import DequeModule
import HTTPTypes
import Logging
import NIOCore
import WebSocket

/// The WebSocket of a client: events go out, requests come in.
///
/// Requests run one at a time, so that messages enter the log in the order in which they were sent. Confined to the
/// event loop of the connection.
final class ChatSocket: WebSocketSession {
    typealias Perform = @Sendable (ByteBuffer) async -> SocketOutcome

    private let hub: EventHub
    private let admission: StreamAdmissions.Admission
    private let logger: Logger
    private let eventLoop: any EventLoop
    private let perform: Perform
    private var connection: WebSocketConnection?
    private var subscriber: Subscriber?
    private var waiting: Deque<ByteBuffer> = []
    private var waitingBytes = 0
    private var isPerforming = false
    private let beginning = ContinuousClock.now
    private let tally = StreamTally()

    /// Requests that may wait before the socket stops reading.
    private static let maximumWaiting = 16
    /// Bytes of waiting requests before the socket stops reading: one long request at a time.
    private static let maximumWaitingBytes = 64 * 1024

    private var shard: TopicShard {
        hub.shard(on: eventLoop)
    }

    private var isFull: Bool {
        waiting.count >= Self.maximumWaiting || waitingBytes >= Self.maximumWaitingBytes
    }

    init(
        _ hub: EventHub,
        _ admission: StreamAdmissions.Admission,
        on eventLoop: any EventLoop,
        logger: Logger,
        perform: @escaping Perform
    ) {
        self.hub = hub
        self.admission = admission
        self.eventLoop = eventLoop
        self.logger = logger
        self.perform = perform
    }

    func opened(_ connection: WebSocketConnection) {
        self.connection = connection
        let subscriber = Subscriber(client: admission.client, sink: self)
        self.subscriber = subscriber
        shard.add(subscriber)
        writeNotice(type: "hello") { _ in }
    }

    func received(text: ByteBuffer, on connection: WebSocketConnection) {
        waiting.append(text)
        waitingBytes += text.readableBytes
        if isFull {
            connection.pause()
        }
        performNext()
    }

    func received(binary: ByteBuffer, on connection: WebSocketConnection) {
        connection.close(.unsupportedData, reason: "messages are text")
    }

    func writabilityChanged(of connection: WebSocketConnection) {
        if connection.isWritable {
            subscriber.map(shard.resume)
            performNext()
        }
    }

    func serverIsShuttingDown(_ connection: WebSocketConnection) {
        writeNotice(type: "reconnect") { writer in
            writer.member("delay_ms", Int.random(in: hub.limits.reconnectDelay))
        }
        connection.close(.goingAway, reason: "the server is shutting down")
    }

    func closed(_ code: WebSocketCloseCode) {
        logger.info(
            "WebSocket closed",
            metadata: [
                "address": "\(admission.address)",
                "code": .stringConvertible(code.rawValue),
                "events": .stringConvertible(tally.events),
                "duration_ms": .stringConvertible(beginning.duration(to: .now).inMilliseconds),
            ]
        )
        subscriber.map(shard.remove)
        subscriber = nil
        connection = nil
        waiting = []
        waitingBytes = 0
    }
}

extension ChatSocket {
    /// Performs the next request, unless one is in progress or its answer would have to be buffered.
    private func performNext() {
        guard !isPerforming, isWritable, let message = waiting.popFirst() else { return }
        isPerforming = true
        waitingBytes -= message.readableBytes
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        Task { [eventLoop, perform] in
            let outcome = await perform(message)
            eventLoop.execute { loopBound.value.finish(outcome) }
        }
    }

    private func finish(_ outcome: SocketOutcome) {
        isPerforming = false
        guard let subscriber, let connection else { return }
        switch outcome {
        case .answered(let answer):
            write(answer)
        case .subscribe(let chat, let mark):
            subscribe(to: chat, mark, subscriber)
        case .unsubscribe(let chatID, let mark):
            let subscription = subscriber.subscriptions.first { $0.chatID == chatID }
            subscription.map(shard.unsubscribe)
            write(subscription == nil ? SocketAnswer(mark, APIError.notSubscribed, logger: logger) : SocketAnswer(mark))
        }
        flush()
        if !isFull {
            connection.resume()
        }
        performNext()
    }

    private func subscribe(to chat: SubscriptionStart, _ mark: SocketRequest.Mark, _ subscriber: Subscriber) {
        let chatID = chat.interest.chatID
        if subscriber.subscriptions.contains(where: { $0.epoch != chat.epoch }) {
            reset(in: chat.epoch)
        }
        if subscriber.subscriptions.contains(where: { $0.chatID == chatID }) {
            write(SocketAnswer(mark, APIError.alreadySubscribed, logger: logger))
        } else if subscriber.subscriptions.count >= hub.limits.maximumChats {
            write(SocketAnswer(mark, APIError.tooManyChats(limit: hub.limits.maximumChats), logger: logger))
        } else {
            let answer = SocketAnswer(mark) { writer in
                writer.member("chat_id", chatID)
                writer.member("last_seq", chat.end)
                writer.member("epoch", chat.epoch)
            }
            write(answer)
            shard.start(subscriber.add(chat), chat)
        }
    }

    private func write(_ answer: SocketAnswer) {
        connection?.write(text: answer.bytes)
    }

    private func writeNotice(type: String, _ members: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        writer.notice(type, members)
        connection?.write(text: writer.buffer)
    }

    private func writeNotice(type: String, of subscription: Subscription) {
        writeNotice(type: type) { writer in
            writer.member("chat_id", subscription.chatID)
        }
    }
}

extension ChatSocket: EventSink {
    var isWritable: Bool {
        connection?.isWritable ?? false
    }

    func flush() {
        connection?.flush()
    }

    func send(_ event: LiveEvent, from subscription: Subscription) {
        tally.countEvent()
        connection?.write(frame: EventForm.webSocket.bytes(of: event))
    }

    func sendCaughtUp(_ subscription: Subscription) {
        writeNotice(type: "caught_up", of: subscription)
    }

    func sendDeleted(_ subscription: Subscription) {
        writeNotice(type: "chat.deleted", of: subscription)
    }

    func overflow() {
        guard let connection, let subscriber else { return }
        self.subscriber = nil
        shard.remove(subscriber)
        writeNotice(type: "overflow") { _ in }
        connection.close(.tryAgainLater, reason: "the client does not keep up")
    }

    /// The WebSocket layer sends its own pings.
    func sendHeartbeat() {}

    /// Ends all subscriptions; the client must subscribe again.
    func reset(in epoch: Epoch) {
        guard let subscriber else { return }
        for subscription in subscriber.subscriptions {
            shard.unsubscribe(subscription)
        }
        var writer = JSONWriter()
        writer.reset(in: epoch)
        connection?.write(text: writer.buffer)
        flush()
    }

    func fail(_ subscription: Subscription) {
        shard.unsubscribe(subscription)
        writeNotice(type: "failed") { $0.hole(in: subscription) }
        flush()
    }
}

extension APIError {
    fileprivate static let alreadySubscribed = APIError(
        status: .conflict,
        code: "already_subscribed",
        detail: "Already subscribed to this chat"
    )
    fileprivate static let notSubscribed = APIError(
        status: .notFound,
        code: "not_subscribed",
        detail: "Not subscribed to this chat"
    )
}
