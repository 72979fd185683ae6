import ChatDomain
import HTTPTypes
import Hummingbird

/// Chats: create, read with their last messages, delete.
struct ChatController<Store: ChatStore>: Sendable {
    let store: Store
    let maximumBodyBytes: Int
    let tailCache: TailCache

    /// How many messages a read of a chat returns at the most: part of the wire contract.
    static var messageLimits: ClosedRange<Int> { 1...100 }
    static var defaultMessageLimit: Int { 20 }

    @Sendable func create(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let object = try validator.object(in: body, of: request)
        let title = object.flatMap { validator.text("title", in: $0, ChatTitle.init) }
        let key = validator.idempotencyKey(in: request)
        guard let title, let key else { throw validator.error }
        let chat = try await store.createChat(ChatDraft(title: title, idempotencyKey: key.value))
        return .created(chat) { $0.write(to: &$1) }
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
        let tail = LogTail(chatID: id, limit: limit)
        let cached = tailCache.entry(for: tail)
        switch (try await store.tail(LogTailRequest(tail, known: cached?.position)), cached) {
        case (.unchanged, let cached?):
            return .json(cached.body)
        case (.read(let chat), _):
            var writer = JSONWriter(capacity: 256 * (1 + chat.messages.count))
            chat.write(to: &writer)
            let body = writer.buffer
            tailCache.insert(TailCache.Entry(position: chat.position, body: body), for: tail)
            return .json(body)
        case (.unchanged, nil):
            throw StoreError.failed(reason: "a tail is unchanged that was not known")
        }
    }

    @Sendable func delete(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        guard let id = validator.chatID(in: context) else { throw validator.error }
        try await store.deleteChat(id)
        return Response(status: .noContent)
    }
}
