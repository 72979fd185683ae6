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
        guard let object, let title = validator.text("title", in: object, ChatTitle.init) else {
            throw validator.error
        }
        let chat = try await store.createChat(titled: title)
        return .json(status: .created, chat.write)
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
