import ChatDomain
import HTTPTypes
import Hummingbird
import NIOCore

/// Logs as they go on: streams, long polls, and who is typing.
struct EventController<Store: ChatStore>: Sendable {
    let store: Store
    let hub: EventHub
    let maximumBodyBytes: Int

    /// In seconds.
    static var waitLimits: ClosedRange<Int> { 0...60 }

    /// One chat's log from a position on: as a stream, or as the next page of it.
    @Sendable func showChat(_ request: Request, context: ChatRequestContext) async throws -> Response {
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
            return .json(try await store.log(of: chatID, after: streamed.position, limit: limit).write)
        }
        return stream(
            StreamStart(scope: .chat, form: request.eventForm, chats: [streamed], admission: admission),
            into: context.channel
        )
    }

    /// Several chats' logs in one stream, or all chats'.
    @Sendable func showChats(_ request: Request, context: ChatRequestContext) async throws -> Response {
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
        return stream(start, into: context.channel)
    }

    /// Shows the readers of a chat that somebody is writing a message.
    @Sendable func announceTyping(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let object = try validator.object(in: body, of: request)
        let metadata = object.flatMap { validator.metadata(in: $0, limit: Typing.maximumMetadataLength) }
        guard let chatID, let metadata else { throw validator.error }
        _ = try await store.chat(chatID)
        store.signals.send(.typing(Typing(chatID: chatID, instant: .now(), metadata: metadata.applied(to: nil))))
        return Response(status: .noContent)
    }

    private func stream(_ start: StreamStart, into channel: any Channel) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: start.form == .jsonLines ? "application/x-ndjson" : "text/event-stream",
                .cacheControl: "no-store",
                .xAccelBuffering: "no",
            ],
            body: ResponseBody { [hub] writer in
                await hub.stream(start, into: channel)
                try await writer.finish(nil)
            }
        )
    }
}

extension ChatRequestContext {
    /// Whose streams are counted together.
    var address: String {
        channel.remoteAddress?.ipAddress ?? ""
    }
}

extension Request {
    fileprivate var eventForm: EventForm {
        let accepts = headers[values: .accept].contains { $0.lowercased().contains("application/x-ndjson") }
        return accepts ? .jsonLines : .serverSentEvents
    }
}
