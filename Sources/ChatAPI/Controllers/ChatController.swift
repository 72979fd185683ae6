import ChatDomain
import HTTPTypes
import Hummingbird

/// Chats: create, read with their last messages, delete.
struct ChatController<Store: ChatStore>: Sendable {
    let store: Store
    let maximumBodyBytes: Int

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
        let chat = try await store.chat(id, newestMessages: limit)
        return .json(chat.write)
    }

    @Sendable func delete(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        guard let id = validator.chatID(in: context) else { throw validator.error }
        try await store.deleteChat(id)
        return Response(status: .noContent)
    }
}
