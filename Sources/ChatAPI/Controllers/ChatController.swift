import ChatDomain
import ChatWire
import HTTPTypes
import Hummingbird

/// Chats: create, list, read with their last messages, change, delete.
struct ChatController<Store: ChatStore>: Sendable {
    let store: Store
    let maximumBodyBytes: Int
    let tailCache: TailCache
    let reads: ReadBudget
    /// Called when there may be something to purge.
    let onDeleted: @Sendable () -> Void

    /// How many messages a read of a chat returns at the most: part of the wire contract.
    static var messageLimits: ClosedRange<Int> { 1...100 }
    static var defaultMessageLimit: Int { 20 }
    static var listLimits: ClosedRange<Int> { 1...100 }
    static var defaultListLimit: Int { 20 }

    @Sendable func create(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let object = try validator.object(in: body, of: request)
        let title = object.flatMap { validator.text("title", in: $0, ChatTitle.init) }
        let metadata = object.flatMap { validator.metadata(in: $0) }
        let key = validator.idempotencyKey(in: request)
        guard let title, let metadata, let key else { throw validator.error }
        let draft = ChatDraft(title: title, metadata: metadata.applied(to: nil), idempotencyKey: key.value)
        return .created(try await store.createChat(draft))
    }

    @Sendable func list(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let limit = validator.integer("limit", in: request, range: Self.listLimits, default: Self.defaultListLimit)
        let cursor = validator.cursor(in: request)
        let titlePart = validator.titlePart(in: request)
        guard let limit, let cursor, let titlePart else { throw validator.error }
        let query = ChatListQuery(after: cursor.value?.cursor ?? .start, limit: limit, titlePart: titlePart.value)
        let list = try await store.chats(query)
        if let epoch = cursor.value?.epoch, epoch != list.epoch { throw APIError.epochChanged(to: list.epoch) }
        return .json(list)
    }

    @Sendable func edit(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let id = validator.chatID(in: context)
        let object = try validator.object(in: body, of: request)
        let title = object.flatMap { validator.optionalText("title", in: $0, ChatTitle.init) }
        let metadata = object.flatMap { validator.metadata(in: $0) }
        guard let id, let title, let metadata else { throw validator.error }
        return .json(try await store.updateChat(id, ChatEdit(title: title.value, metadata: metadata)))
    }

    @Sendable func show(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let id = validator.chatID(in: context)
        let limit = validator.integer(
            "limit",
            in: request,
            range: Self.messageLimits,
            default: Self.defaultMessageLimit
        )
        guard let id, let limit else { throw validator.error }
        return try await reads.read(upTo: limit, for: context.address) {
            try await show(LogTail(chatID: id, limit: limit))
        }
    }

    private func show(_ tail: LogTail) async throws -> Response {
        let cached = tailCache.entry(for: tail)
        switch (try await store.tail(LogTailRequest(tail, known: cached?.end)), cached) {
        case (.unchanged, let cached?):
            return .json(cached.body)
        case (.read(let chat, let end), _):
            var writer = JSONWriter(capacity: 256 * (1 + chat.messages.count))
            chat.write(to: &writer)
            let body = writer.buffer
            tailCache.insert(TailCache.Entry(end: end, body: body), for: tail)
            return .json(body)
        case (.unchanged, nil):
            throw StoreError.failed(reason: "a tail is unchanged that was not known")
        }
    }

    @Sendable func delete(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        guard let id = validator.chatID(in: context) else { throw validator.error }
        try await store.deleteChat(id)
        onDeleted()
        return Response(status: .noContent)
    }
}
