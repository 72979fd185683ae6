import ChatDomain
import ChatIdentity
import ChatLive
import ChatOperations
import ChatWire
import HTTPConnections
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Serves live logs as streams and long polls, and accepts typing notices.
struct EventController<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let authenticator: Authenticator
    let hub: EventHub
    let admissions: StreamAdmissions
    let reads: ReadBudget
    let maximumBodyBytes: Int

    /// The log of one chat after a position: as a stream or, with `wait`, as its next page.
    @Sendable func showChat(_ request: Request, context: ChatRequestContext) async throws -> Response {
        try await orReconnect(request, context) { try await openChat(request, context) }
    }

    private func openChat(_ request: Request, _ context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let after = validator.streamPlace(in: request)
        let wait = validator.optionalInteger("wait", in: request, range: .longPollSeconds)
        guard let chatID, let after, let wait else { throw validator.error }
        let admission = try admissions.admit(context.remoteAddress, to: wait.value == nil ? .stream : .longPoll)
        let streamed: SubscriptionStart
        do {
            let place = after.value?.place
            streamed = try await operations.follow(context.caller, chatID, after: place, on: context.channel.eventLoop)
        } catch OperationError.epochChanged(let epoch) where wait.value == nil {
            let start = LogPlace(epoch: epoch, position: Position(rawValue: 0))
            return reset(in: epoch, id: start.text, form: request.eventForm)
        } catch let error as PositionBeyondEnd {
            throw ValidationError(error, at: after.value?.location ?? [])
        }
        if let wait = wait.value {
            defer { withExtendedLifetime(admission) {} }
            if wait > 0, streamed.position == streamed.end {
                try await hub.wait(
                    for: .chat(streamed),
                    timeout: .seconds(Int64(wait)),
                    in: context,
                    authenticator
                )
            }
            let place = LogPlace(epoch: after.value?.place.epoch, position: streamed.position)
            let limit = PageLimit.logEntries.defaultValue
            return try await reads.read(upTo: limit, for: context.client) {
                .json(try await operations.readLog(context.caller, of: streamed, after: place, limit: limit))
            }
        }
        let start = StreamStart(scope: .chat, caller: context.caller, epoch: streamed.epoch, chats: [streamed])
        return stream(start, admission, request, context)
    }

    /// One stream of the logs of several chats, or of all chats.
    @Sendable func showChats(_ request: Request, context: ChatRequestContext) async throws -> Response {
        try await orReconnect(request, context) { try await openChats(request, context) }
    }

    private func openChats(_ request: Request, _ context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chats = validator.streamedChats(in: request, limit: hub.limits.maximumChats)
        let cursor = validator.streamCursor(in: request)
        guard let chats, let cursor else { throw validator.error }
        let admission = try admissions.admit(context.remoteAddress, to: .stream)
        let (caller, eventLoop) = (context.caller, context.channel.eventLoop)
        do {
            let start =
                if let chats = chats.value {
                    try await operations.followChats(caller, chats, after: cursor.value, on: eventLoop)
                } else {
                    try await operations.followAllChats(caller, after: cursor.value, on: eventLoop)
                }
            return stream(start, admission, request, context)
        } catch OperationError.epochChanged(let epoch) {
            let places = chats.value?.map { ($0.chatID, Position(rawValue: 0)) } ?? []
            let restarted = StreamCursor(places, in: epoch)
            return reset(in: epoch, id: restarted.token, form: request.eventForm)
        } catch let error as PositionBeyondEnd {
            throw ValidationError(error, at: ["query", "chats"])
        }
    }

    /// Shows the subscribers of a chat that someone is typing.
    @Sendable func announceTyping(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let object = try validator.object(in: body, of: request)
        let metadata = object.flatMap { validator.metadata(in: $0, limit: Typing.maximumMetadataLength) }
        guard let chatID, let metadata else { throw validator.error }
        try await operations.announceTyping(context.caller, in: chatID, metadata.applied(to: nil))
        return Response(status: .noContent)
    }

    /// - Parameters:
    ///   - followInbox: Writes the inbox of a stream of one.
    ///   - isPlainText: Whether a stream of a message's text has the text alone.
    func stream(
        _ start: StreamStart,
        _ admission: StreamAdmissions.Admission,
        _ request: Request,
        _ context: ChatRequestContext,
        followInbox: InboxConnection.Follow? = nil,
        isPlainText: Bool = false
    ) -> Response {
        let path = request.uri.path
        let form = request.eventForm
        return Response(
            status: .ok,
            headers: isPlainText ? .plainTextStream : .stream(form),
            body: .takingOver { [hub, operations, authenticator, context] connection in
                let beginning = ContinuousClock.now
                let tally = StreamTally()
                hub.stream(
                    start,
                    as: form,
                    to: admission,
                    until: context.credential.map { CredentialLifetime(of: $0, authenticator) },
                    counting: tally,
                    findChats: operations.findChats,
                    followInbox: followInbox,
                    isPlainText: isPlainText,
                    into: connection
                ) {
                    var metadata: Logger.Metadata = [
                        "path": "\(path)",
                        "address": "\(admission.address)",
                        "events": .stringConvertible(tally.events),
                        "duration_ms": .stringConvertible(beginning.duration(to: .now).inMilliseconds),
                    ]
                    metadata.add(context.credential)
                    context.logger.info("Stream ended", metadata: metadata)
                }
            }
        )
    }

    /// Opens a stream; if that fails for now, tells an `EventSource` to reconnect.
    ///
    /// A browser's `EventSource` never retries after a status other than 200.
    func orReconnect(
        _ request: Request,
        _ context: ChatRequestContext,
        _ open: () async throws -> Response
    ) async throws -> Response {
        do {
            return try await open()
        } catch {
            guard request.isFromEventSource else { throw error }
            let refusal: APIError
            switch error {
            case let error as APIError: refusal = error
            case let error as StoreError: refusal = APIError(error, logger: context.logger)
            default: throw error
            }
            guard [.tooManyRequests, .serviceUnavailable].contains(refusal.status) else { throw refusal }
            return .reconnect(after: refusal, context)
        }
    }

    /// A stream that only tells the client to start over: after an error, an `EventSource` would give up for good.
    ///
    /// - Parameter id: The id with which a browser reconnects.
    func reset(in epoch: Epoch, id: String, form: EventForm) -> Response {
        var writer = JSONWriter()
        writer.reset(in: epoch)
        let delay = Int.random(in: hub.limits.reconnectDelay)
        let text = form.text(type: "reset", id: id, json: writer.bytes, retry: delay)
        return Response(status: .ok, headers: .stream(form), body: ResponseBody(byteBuffer: ByteBuffer(bytes: text)))
    }
}

extension HTTPFields {
    static func stream(_ form: EventForm) -> HTTPFields {
        stream(contentType: form == .jsonLines ? "application/x-ndjson" : "text/event-stream")
    }

    static let plainTextStream = stream(contentType: "text/plain; charset=utf-8")

    private static func stream(contentType: String) -> HTTPFields {
        [.contentType: contentType, .cacheControl: "no-store", .xAccelBuffering: "no"]
    }
}

extension Response {
    /// A stream that only tells an `EventSource` when to reconnect, because a request was refused for now.
    static func reconnect(after refusal: APIError, _ context: ChatRequestContext) -> Response {
        context.logger.info("Stream refused", metadata: ["code": "\(refusal.code)"])
        let delay = max(Int.random(in: StreamLimits.refusalDelay), (refusal.retryAfter ?? 0) * 1_000)
        var writer = JSONWriter()
        writer.notice("reconnect") { writer in
            writer.member("delay_ms", delay)
        }
        let form = EventForm.serverSentEvents
        let text = form.text(type: "reconnect", id: nil, json: writer.bytes, retry: delay)
        return Response(status: .ok, headers: .stream(form), body: ResponseBody(byteBuffer: ByteBuffer(bytes: text)))
    }
}

extension Request {
    var eventForm: EventForm {
        accepts("application/x-ndjson") ? .jsonLines : .serverSentEvents
    }

    /// Whether the client wants the text of a message without events around it.
    var wantsPlainText: Bool {
        !accepts("application/x-ndjson") && !accepts("text/event-stream")
    }

    /// Whether the client is an `EventSource`, which sends `Accept: text/event-stream`; other clients need not.
    var isFromEventSource: Bool {
        accepts("text/event-stream") && eventForm == .serverSentEvents && queryParameter("wait") == nil
    }

    private func accepts(_ mediaType: String) -> Bool {
        headers[values: .accept].contains { $0.lowercased().contains(mediaType) }
    }
}

extension ClosedRange<Int> {
    /// How long a long poll may wait: proxies often time out after 60 seconds.
    static var longPollSeconds: ClosedRange<Int> { 0...55 }
}
