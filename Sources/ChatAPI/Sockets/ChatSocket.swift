import ChatDomain
import ChatLive
import ChatWire
import DequeModule
import HTTPTypes
import Logging
import NIOCore
import WebSocket

/// One client's WebSocket: the logs that it follows go down, and what it asks for comes up.
///
/// Requests are carried out one after the other, so that messages stand in the log as they were sent. Confined to the
/// event loop of the connection.
final class ChatSocket: WebSocketSession, LiveSink {
    typealias Perform = @Sendable (ByteBuffer) async -> SocketOutcome

    private let hub: EventHub
    private let admission: StreamAdmissions.Admission
    private let logger: Logger
    private let eventLoop: any EventLoop
    private let perform: Perform
    private var connection: WebSocketConnection?
    private var reader: LiveReader?
    private var waiting: Deque<ByteBuffer> = []
    private var waitingBytes = 0
    private var isPerforming = false
    private let beginning = ContinuousClock.now
    private let tally = StreamTally()

    /// How many requests may wait before no more are read.
    private static let maximumWaiting = 16
    /// The same in bytes: one long request at a time.
    private static let maximumWaitingBytes = 64 * 1024

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
        reader = LiveReader(hub.topics(on: eventLoop), of: admission.address, sink: self)
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
            reader?.resume()
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
        reader?.end()
        reader = nil
        connection = nil
        waiting = []
        waitingBytes = 0
    }
}

extension ChatSocket {
    /// Carries out the next request, unless one is being carried out or its answer would have to be kept.
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
        guard let reader, let connection else { return }
        switch outcome {
        case .answered(let answer):
            write(answer)
        case .subscribe(let chat, let mark):
            subscribe(to: chat, mark, reader)
        case .unsubscribe(let chatID, let mark):
            let follow = reader.follows.first { $0.chatID == chatID }
            follow.map(reader.unfollow)
            write(follow == nil ? SocketAnswer(mark, APIError.notSubscribed, logger: logger) : SocketAnswer(mark))
        }
        flush()
        if !isFull {
            connection.resume()
        }
        performNext()
    }

    private func subscribe(to chat: StreamedChat, _ mark: SocketRequest.Mark, _ reader: LiveReader) {
        let chatID = chat.interest.chatID
        if reader.follows.contains(where: { $0.epoch != chat.epoch }) {
            reset(in: chat.epoch)
        }
        if reader.follows.contains(where: { $0.chatID == chatID }) {
            write(SocketAnswer(mark, APIError.alreadySubscribed, logger: logger))
        } else if reader.follows.count >= hub.limits.maximumChats {
            write(SocketAnswer(mark, APIError.tooManyChats(limit: hub.limits.maximumChats), logger: logger))
        } else {
            let answer = SocketAnswer(mark) { writer in
                writer.member("chat_id", chatID)
                writer.member("last_seq", chat.end)
                writer.member("epoch", chat.epoch)
            }
            write(answer)
            reader.start(reader.add(chat), chat)
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

    private func writeNotice(type: String, of follow: LogFollow) {
        writeNotice(type: type) { writer in
            writer.member("chat_id", follow.chatID)
        }
    }
}

extension ChatSocket {
    var isWritable: Bool {
        connection?.isWritable ?? false
    }

    func flush() {
        connection?.flush()
    }

    func send(_ event: LiveEvent, from follow: LogFollow) {
        tally.countEvent()
        connection?.write(frame: EventForm.webSocket.bytes(of: event))
    }

    func sendCaughtUp(_ follow: LogFollow) {
        writeNotice(type: "caught_up", of: follow)
    }

    func sendDeleted(_ follow: LogFollow) {
        writeNotice(type: "chat.deleted", of: follow)
    }

    func overflow() {
        guard let connection, let reader else { return }
        reader.end()
        self.reader = nil
        writeNotice(type: "overflow") { _ in }
        connection.close(.tryAgainLater, reason: "the client does not keep up")
    }

    /// The protocol has its own pings.
    func sendHeartbeat() {}

    func discover(_ chats: [ChatID], in epoch: Epoch?) {}

    /// Ends all subscriptions: the client begins each anew.
    func reset(in epoch: Epoch) {
        guard let reader else { return }
        for follow in reader.follows {
            reader.unfollow(follow)
        }
        var writer = JSONWriter()
        writer.reset(in: epoch)
        connection?.write(text: writer.buffer)
        flush()
    }

    func fail(_ follow: LogFollow) {
        reader?.unfollow(follow)
        writeNotice(type: "failed") { $0.hole(in: follow) }
        flush()
    }
}

extension APIError {
    fileprivate static let alreadySubscribed = APIError(
        status: .conflict,
        code: "already_subscribed",
        detail: "The socket follows this chat"
    )
    fileprivate static let notSubscribed = APIError(
        status: .notFound,
        code: "not_subscribed",
        detail: "The socket does not follow this chat"
    )
}
