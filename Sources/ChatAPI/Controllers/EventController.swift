import ChatDomain
import ChatLive
import ChatWire
import HTTPConnections
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Logs as they go on: streams, long polls, and who is typing.
struct EventController<Store: ChatStore>: Sendable {
    let store: Store
    let hub: EventHub
    let admissions: StreamAdmissions
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
        let after = validator.streamPlace(in: request)
        let wait = validator.optionalInteger("wait", in: request, range: Self.waitLimits)
        guard let chatID, let after, let wait else { throw validator.error }
        let admission = try admissions.admit(context.address)
        let interest = hub.interest(in: chatID, on: context.channel.eventLoop)
        let snapshot = try await store.chats(withIDs: [chatID])
        guard let head = snapshot.heads.first else { throw APIError.chatNotFound }
        let streamed: StreamedChat
        do {
            streamed = try StreamedChat(
                interest,
                of: head,
                after: after.value?.place,
                in: snapshot.epoch,
                at: after.value?.location ?? []
            )
        } catch let stale as StaleHistory {
            if wait.value != nil { throw APIError.epochChanged(to: stale.epoch) }
            let start = LogPlace(epoch: stale.epoch, position: Position(rawValue: 0))
            return reset(in: stale.epoch, id: start.text, form: request.eventForm)
        }
        if let wait = wait.value {
            defer { withExtendedLifetime(admission) {} }
            if wait > 0, streamed.position == streamed.end {
                await hub.wait(for: streamed, patience: .seconds(Int64(wait)), on: context.channel)
            }
            let place = LogPlace(epoch: after.value?.place.epoch, position: streamed.position)
            let limit = LogController<Store>.defaultPageLimit
            return try await reads.read(upTo: limit, for: context.address) {
                .json(try await store.log(of: chatID, after: place, limit: limit))
            }
        }
        let start = StreamStart(
            scope: .chat,
            form: request.eventForm,
            epoch: snapshot.epoch,
            chats: [streamed],
            admission: admission
        )
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
        let admission = try admissions.admit(context.address)
        do {
            let start =
                if let wanted = wanted.value {
                    try await start(wanted, after: cursor.value, request, context, admission)
                } else {
                    try await startOfAll(after: cursor.value, request, context, admission)
                }
            return stream(start, request, context)
        } catch let stale as StaleHistory {
            let places = wanted.value?.map { ($0.chatID, Position(rawValue: 0)) } ?? []
            let restarted = StreamCursor(places, in: stale.epoch)
            return reset(in: stale.epoch, id: restarted.token, form: request.eventForm)
        }
    }

    /// Where the chats that a request names begin.
    private func start(
        _ wanted: [RequestValidator.WantedChat],
        after cursor: StreamCursor?,
        _ request: Request,
        _ context: ChatRequestContext,
        _ admission: StreamAdmissions.Admission
    ) async throws -> StreamStart {
        let known = cursor?.places ?? [:]
        let interests = wanted.map { hub.interest(in: $0.chatID, on: context.channel.eventLoop) }
        let snapshot = try await store.chats(withIDs: wanted.map(\.chatID))
        let chats = Dictionary(uniqueKeysWithValues: snapshot.heads.map { ($0.chat.id, $0) })
        var start = StreamStart(scope: .chats, form: request.eventForm, epoch: snapshot.epoch, admission: admission)
        if let cursor, cursor.epoch != snapshot.epoch { throw StaleHistory(epoch: snapshot.epoch) }
        for (chat, interest) in zip(wanted, interests) {
            if let found = chats[chat.chatID] {
                let place = known[chat.chatID] ?? chat.place
                start.chats.append(
                    try StreamedChat(interest, of: found, after: place, in: snapshot.epoch, at: ["query", "chats"])
                )
            } else if known[chat.chatID] != nil {
                start.deleted.append(chat.chatID)
            } else if cursor == nil {
                // Who has followed it was told what became of it: a browser asks on for what it named first.
                throw APIError.chatNotFound
            }
        }
        start.deleted.sort { $0.rawValue < $1.rawValue }
        guard !start.chats.isEmpty || !start.deleted.isEmpty else { throw APIError.chatNotFound }
        return start
    }

    /// Where all chats begin, or those of them that were active last.
    private func startOfAll(
        after cursor: StreamCursor?,
        _ request: Request,
        _ context: ChatRequestContext,
        _ admission: StreamAdmissions.Admission
    ) async throws -> StreamStart {
        let limit = hub.limits.maximumChats
        let known = cursor?.places ?? [:]
        let ids = try await store.chats(ChatListQuery(limit: limit + 1)).chats.map(\.id)
        let interests = ids.prefix(limit).map { hub.interest(in: $0, on: context.channel.eventLoop) }
        let others = Set(known.keys).subtracting(ids.prefix(limit))
        let snapshot = try await store.chats(withIDs: Array(others.union(ids.prefix(limit))))
        let chats = Dictionary(uniqueKeysWithValues: snapshot.heads.map { ($0.chat.id, $0) })
        var start = StreamStart(scope: .allChats, form: request.eventForm, epoch: snapshot.epoch, admission: admission)
        if let cursor, cursor.epoch != snapshot.epoch { throw StaleHistory(epoch: snapshot.epoch) }
        for interest in interests {
            let chatID = interest.chatID
            guard let head = chats[chatID] else { continue }
            if cursor == nil || known[chatID] != nil {
                let place = known[chatID]
                start.chats.append(try StreamedChat(interest, of: head, after: place, in: snapshot.epoch, at: []))
            } else {
                let isCreated = cursor?.newest.map { chatID.rawValue > $0.rawValue } ?? true
                start.chats.append(hub.joining(interest, head, isCreated: isCreated, in: snapshot.epoch))
            }
        }
        for (chatID, place) in known.sorted(by: { $0.key.rawValue < $1.key.rawValue }) where others.contains(chatID) {
            if chats[chatID] == nil {
                start.deleted.append(chatID)
            } else {
                start.unfollowed.append((chatID, place.position))
            }
        }
        if ids.count > limit {
            start.newest = (ids + known.keys + [cursor?.newest].compactMap(\.self)).max { $0.rawValue < $1.rawValue }
        }
        return start
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
            body: .takingOver { [hub, logger = context.logger] connection in
                let beginning = ContinuousClock.now
                hub.stream(start, into: connection) {
                    logger.info(
                        "Stream ended",
                        metadata: [
                            "path": "\(path)",
                            "address": "\(start.admission.address)",
                            "events": .stringConvertible(start.tally.events),
                            "duration_ms": .stringConvertible(beginning.duration(to: .now).inMilliseconds),
                        ]
                    )
                }
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
            writer.member("delay_ms", delay)
        }
        let form = EventForm.serverSentEvents
        let text = form.text(type: "reconnect", id: nil, json: writer.bytes, retry: delay)
        return Response(status: .ok, headers: .stream(form), body: ResponseBody(byteBuffer: ByteBuffer(bytes: text)))
    }

    /// A stream that ends at once: `EventSource` would give up for good after an error.
    ///
    /// - Parameter id: What a browser comes back with.
    private func reset(in epoch: Epoch, id: String, form: EventForm) -> Response {
        var writer = JSONWriter()
        writer.reset(in: epoch)
        let delay = Int.random(in: hub.limits.reconnectDelay)
        let text = form.text(type: "reset", id: id, json: writer.bytes, retry: delay)
        return Response(status: .ok, headers: .stream(form), body: ResponseBody(byteBuffer: ByteBuffer(bytes: text)))
    }
}

extension StreamCursor {
    fileprivate var places: [ChatID: LogPlace] {
        Dictionary(
            uniqueKeysWithValues: positions.map { ($0.chatID, LogPlace(epoch: epoch, position: $0.position)) }
        )
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
