import ChatDomain
import ChatIdentity
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
    /// Performs a request for a caller, nil before the client has authenticated, with a credential, who is subscribed to
    /// chats.
    typealias Perform = @Sendable (ByteBuffer, Caller?, Credential?, [ChatID]) async -> SocketOutcome

    /// What the client has proven.
    private enum Identity {
        /// Nothing, which suffices in open mode.
        case anonymous
        /// Nothing yet: its first message must be a credential.
        case awaited(timeout: Scheduled<Void>?)
        case verified(CredentialLifetime)

        var caller: Caller? {
            if case .anonymous = self { .anonymous } else { credential?.caller }
        }

        var credential: Credential? {
            if case .verified(let lifetime) = self { lifetime.credential } else { nil }
        }
    }

    private let hub: EventHub
    private let admission: StreamAdmissions.Admission
    private let logger: Logger
    private let eventLoop: any EventLoop
    private let authenticator: Authenticator
    private var identity: Identity
    private let perform: Perform
    private var connection: WebSocketConnection?
    private var subscriber: Subscriber?
    private var waiting: Deque<ByteBuffer> = []
    private var waitingBytes = 0
    private var isPerforming = false
    /// The inbox of the user; nil unless the client has subscribed to it.
    private var inbox: InboxConnection?
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
        _ credential: Credential?,
        _ authenticator: Authenticator,
        on eventLoop: any EventLoop,
        logger: Logger,
        perform: @escaping Perform
    ) {
        self.hub = hub
        self.admission = admission
        self.eventLoop = eventLoop
        self.logger = logger
        self.perform = perform
        self.authenticator = authenticator
        identity =
            if let credential {
                .verified(CredentialLifetime(of: credential, authenticator))
            } else {
                authenticator.mode == .open ? .anonymous : .awaited(timeout: nil)
            }
    }

    func opened(_ connection: WebSocketConnection) {
        self.connection = connection
        let subscriber = Subscriber(client: admission.client, sink: self)
        self.subscriber = subscriber
        shard.add(subscriber)
        writeNotice(type: "hello") { _ in }
        switch identity {
        case .anonymous: break
        case .awaited:
            let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
            let timeout = TimeAmount(hub.limits.authenticationTimeout)
            identity = .awaited(
                timeout: eventLoop.scheduleTask(in: timeout) { loopBound.value.expire(.tokenMissing) }
            )
        case .verified(let lifetime): lifetime.start(on: eventLoop) { self.expire($0) }
        }
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
            inbox?.resume()
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
        var metadata: Logger.Metadata = [
            "address": "\(admission.address)",
            "code": .stringConvertible(code.rawValue),
            "events": .stringConvertible(tally.events),
            "duration_ms": .stringConvertible(beginning.duration(to: .now).inMilliseconds),
        ]
        metadata.add(identity.credential)
        logger.info("WebSocket closed", metadata: metadata)
        end()
        connection = nil
        waiting = []
        waitingBytes = 0
    }
}

extension ChatSocket {
    /// Performs the next request, unless one is in progress or its answer would have to be buffered.
    private func performNext() {
        guard !isPerforming, let subscriber, isWritable, let message = waiting.popFirst() else { return }
        isPerforming = true
        waitingBytes -= message.readableBytes
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        let chats = subscriber.subscriptions.map(\.chatID)
        Task { [eventLoop, perform, caller = identity.caller, credential = identity.credential] in
            let outcome = await perform(message, caller, credential, chats)
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
        case .subscribeInbox(let epoch, let follow, let mark):
            subscribeToInbox(in: epoch, follow, mark)
        case .unsubscribeInbox(let mark):
            write(inbox == nil ? SocketAnswer(mark, APIError.inboxNotSubscribed, logger: logger) : SocketAnswer(mark))
            endInbox()
        case .authenticated(let credential, let renewal, let mark):
            authenticate(with: credential, renewal, mark, subscriber)
        }
        if identity.caller == nil {
            close(.unauthorized, reason: "the first message must authenticate")
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

    private func subscribeToInbox(
        in epoch: Epoch,
        _ follow: @escaping InboxConnection.Follow,
        _ mark: SocketRequest.Mark
    ) {
        guard inbox == nil else {
            return write(SocketAnswer(mark, APIError.inboxAlreadySubscribed, logger: logger))
        }
        write(SocketAnswer(mark) { $0.member("epoch", epoch) })
        inbox = InboxConnection(to: self, on: eventLoop, follow)
    }

    private func endInbox() {
        inbox?.end()
        inbox = nil
    }

    /// Uses a credential from now on, for the same user as before if there was one.
    private func authenticate(
        with credential: Credential,
        _ renewal: PermitRenewal?,
        _ mark: SocketRequest.Mark,
        _ subscriber: Subscriber
    ) {
        if case .verified(let lifetime) = identity, lifetime.credential.caller.author != credential.caller.author {
            write(SocketAnswer(mark, APIError.otherUser, logger: logger))
            return close(.unauthorized, reason: "the credential is another user's")
        }
        endIdentity()
        let lifetime = CredentialLifetime(of: credential, authenticator)
        identity = .verified(lifetime)
        lifetime.start(on: eventLoop) { self.expire($0) }
        write(SocketAnswer(mark))
        guard let renewal else { return }
        if subscriber.subscriptions.contains(where: { $0.epoch != renewal.epoch }) {
            return reset(in: renewal.epoch)
        }
        for subscription in subscriber.subscriptions where !subscription.renewPermit(renewal) {
            shard.unsubscribe(subscription)
            writeNotice(type: "chat.unfollowed") { writer in
                writer.member("chat_id", subscription.chatID)
                writer.member("last_seq", subscription.position)
            }
        }
    }

    private func expire(_ error: CredentialError) {
        writeNotice(type: "unauthorized") { writer in
            writer.member("reason", error.reasonOfEnd)
        }
        close(.unauthorized, reason: "the credential is missing or no longer valid")
    }

    /// Ends all subscriptions and closes the connection; nothing that the client sent is performed any more.
    private func close(_ code: WebSocketCloseCode, reason: String) {
        end()
        connection?.close(code, reason: reason)
    }

    private func end() {
        endIdentity()
        endInbox()
        subscriber.map(shard.remove)
        subscriber = nil
    }

    private func endIdentity() {
        switch identity {
        case .anonymous: break
        case .awaited(let timeout): timeout?.cancel()
        case .verified(let lifetime): lifetime.cancel()
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

extension ChatSocket: InboxWriter {
    func write(_ line: InboxLine) {
        tally.countEvent()
        var writer = JSONWriter()
        line.write(to: &writer)
        connection?.write(text: writer.buffer)
    }

    func advance(to cursor: InboxCursor, isCaughtUp: Bool) {
        writeNotice(type: "cursor") { writer in
            writer.member("cursor", cursor.text)
        }
        if isCaughtUp {
            writeNotice(type: "caught_up") { _ in }
        }
    }
}

extension ChatSocket: EventSink {
    var isWritable: Bool {
        connection?.isWritable ?? false
    }

    var peer: StreamPeer {
        StreamPeer(.webSocket, address: admission.address, identity.credential)
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
        guard subscriber != nil else { return }
        writeNotice(type: "overflow") { _ in }
        close(.tryAgainLater, reason: "the client does not keep up")
    }

    /// The WebSocket layer sends its own pings.
    func sendHeartbeat() {}

    /// Ends all subscriptions; the client must subscribe again.
    func reset(in epoch: Epoch) {
        guard let subscriber else { return }
        for subscription in subscriber.subscriptions {
            shard.unsubscribe(subscription)
        }
        endInbox()
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
    fileprivate static let inboxAlreadySubscribed = APIError(
        status: .conflict,
        code: "already_subscribed",
        detail: "Already subscribed to the inbox"
    )
    fileprivate static let inboxNotSubscribed = APIError(
        status: .notFound,
        code: "not_subscribed",
        detail: "Not subscribed to the inbox"
    )
    fileprivate static let otherUser = APIError(
        status: .forbidden,
        code: "other_user",
        detail: "The credential is another user's: open another connection"
    )
}
