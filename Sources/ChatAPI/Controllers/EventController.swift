import ChatDomain
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Logs as they go on: streams, long polls, and who is typing.
struct EventController<Store: ChatStore>: Sendable {
    let store: Store
    let hub: EventHub
    let typing: TypingAnnouncer<Store>
    let reads: ReadBudget
    let maximumBodyBytes: Int

    /// In seconds: proxies give up after 60.
    static var waitLimits: ClosedRange<Int> { 0...55 }

    /// One chat's log from a position on: as a stream, or as the next page of it.
    @Sendable func showChat(_ request: Request, context: ChatRequestContext) async throws -> Response {
        try await orReconnect(request, context) { try await openChat(request, context) }
    }

    private func openChat(_ request: Request, _ context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let after = validator.streamPosition(in: request)
        let wait = validator.optionalInteger("wait", in: request, range: Self.waitLimits)
        guard let chatID, let after, let wait else { throw validator.error }
        let admission = try hub.admissions.admit(context.address)
        let interest = hub.interest(in: chatID, on: context.channel.eventLoop)
        let streamed = try StreamedChat(
            interest,
            of: try await store.chat(chatID),
            after: after.value?.position,
            at: after.value?.location ?? []
        )
        if let wait = wait.value {
            defer { withExtendedLifetime(admission) {} }
            if wait > 0, streamed.position == streamed.end {
                await hub.wait(for: streamed, patience: .seconds(Int64(wait)), on: context.channel)
            }
            let limit = LogController<Store>.defaultPageLimit
            return try await reads.read(upTo: limit, for: context.address) {
                .json(try await store.log(of: chatID, after: streamed.position, limit: limit).write)
            }
        }
        let start = StreamStart(scope: .chat, form: request.eventForm, chats: [streamed], admission: admission)
        return stream(start, request, context)
    }

    /// Several chats' logs in one stream, or all chats'.
    @Sendable func showChats(_ request: Request, context: ChatRequestContext) async throws -> Response {
        try await orReconnect(request, context) { try await openChats(request, context) }
    }

    private func openChats(_ request: Request, _ context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let wanted = validator.streamedChats(in: request, limit: hub.limits.maximumChats)
        let cursor = validator.streamCursor(in: request)
        guard let wanted, let cursor else { throw validator.error }
        let admission = try hub.admissions.admit(context.address)
        let scope = wanted.value == nil ? StreamStart.Scope.allChats : .chats
        var known = Dictionary(
            uniqueKeysWithValues: cursor.value?.positions.map { ($0.chatID, $0.position) } ?? []
        )
        var ids = wanted.value?.map(\.chatID) ?? []
        if wanted.value == nil {
            ids = try await store.lastActiveChatIDs(upTo: hub.limits.maximumChats + 1)
            let limit = hub.limits.maximumChats
            guard ids.count <= limit else { throw APIError.tooManyChats(limit: limit) }
        }
        let interests = ids.map { hub.interest(in: $0, on: context.channel.eventLoop) }
        let chats = Dictionary(uniqueKeysWithValues: try await store.chats(withIDs: ids).map { ($0.id, $0) })
        var start = StreamStart(scope: scope, form: request.eventForm, chats: [], admission: admission)
        for interest in interests {
            guard let chat = chats[interest.chatID] else {
                // Who has followed it is told what became of it, or was: a browser asks on for what it named first.
                guard cursor.value != nil || scope == .allChats else { throw APIError.chatNotFound }
                continue
            }
            let given = wanted.value?.first { $0.chatID == chat.id }?.position
            // A chat that a reader of all chats has not heard of is newer than its cursor.
            let isNew = scope == .allChats && cursor.value != nil && known[chat.id] == nil
            let position = known.removeValue(forKey: chat.id) ?? given ?? (isNew ? Position(rawValue: 0) : nil)
            start.chats.append(
                try StreamedChat(interest, of: chat, after: position, at: ["query", "chats"], isNew: isNew)
            )
        }
        // Chats that the client no longer asks for are none of its business.
        let followed = scope == .allChats ? Array(known.keys) : ids.filter { known[$0] != nil }
        start.deleted = followed.filter { chats[$0] == nil }.sorted { $0.rawValue < $1.rawValue }
        guard scope == .allChats || !start.chats.isEmpty || !start.deleted.isEmpty else { throw APIError.chatNotFound }
        return stream(start, request, context)
    }

    /// Shows the readers of a chat that somebody is writing a message.
    @Sendable func announceTyping(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let object = try validator.object(in: body, of: request)
        let metadata = object.flatMap { validator.metadata(in: $0, limit: Typing.maximumMetadataLength) }
        guard let chatID, let metadata else { throw validator.error }
        let event = Typing(chatID: chatID, instant: .now(), metadata: metadata.applied(to: nil))
        try await typing.announce(event, from: context.address)
        return Response(status: .noContent)
    }

    private func stream(_ start: StreamStart, _ request: Request, _ context: ChatRequestContext) -> Response {
        let path = request.uri.path
        return Response(
            status: .ok,
            headers: .stream(start.form),
            body: ResponseBody { [hub, channel = context.channel, logger = context.logger] writer in
                let beginning = ContinuousClock.now
                await hub.stream(start, into: channel)
                logger.info(
                    "Stream ended",
                    metadata: [
                        "path": "\(path)",
                        "address": "\(start.admission.address)",
                        "events": .stringConvertible(start.tally.events),
                        "duration_ms": .stringConvertible(beginning.duration(to: .now).inMilliseconds),
                    ]
                )
                try await writer.finish(nil)
            }
        )
    }

    /// Tells an `EventSource` that finds no place, or no database, to come back: anything but 200 it takes for the end.
    private func orReconnect(
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
            context.logger.info("Stream refused", metadata: ["code": "\(refusal.code)"])
            return reconnect()
        }
    }

    /// A stream that ends at once and tells when to come back.
    private func reconnect() -> Response {
        let delay = Int.random(in: hub.limits.refusalDelay)
        var writer = JSONWriter()
        writer.notice("reconnect") { writer in
            writer.name("delay_ms")
            writer.value(Int64(delay))
        }
        let form = EventForm.serverSentEvents
        let text = form.text(type: "reconnect", id: nil, json: writer.bytes, retry: delay)
        return Response(status: .ok, headers: .stream(form), body: ResponseBody(byteBuffer: ByteBuffer(bytes: text)))
    }
}

extension HTTPFields {
    fileprivate static func stream(_ form: EventForm) -> HTTPFields {
        [
            .contentType: form == .jsonLines ? "application/x-ndjson" : "text/event-stream",
            .cacheControl: "no-store",
            .xAccelBuffering: "no",
        ]
    }
}

extension Request {
    fileprivate var eventForm: EventForm {
        accepts("application/x-ndjson") ? .jsonLines : .serverSentEvents
    }

    /// A browser's `EventSource` says what it accepts; nobody else needs to.
    fileprivate var isFromEventSource: Bool {
        accepts("text/event-stream") && eventForm == .serverSentEvents && queryParameter("wait") == nil
    }

    private func accepts(_ mediaType: String) -> Bool {
        headers[values: .accept].contains { $0.lowercased().contains(mediaType) }
    }
}
