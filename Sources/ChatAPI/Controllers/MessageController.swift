import ChatDomain
import HTTPTypes
import Hummingbird

/// Messages: append one to a chat.
struct MessageController<Store: ChatStore>: Sendable {
    let store: Store
    let maximumBodyBytes: Int

    @Sendable func create(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let object = try validator.object(in: body, of: request)
        let text = object.flatMap { validator.text("text", in: $0, MessageText.init) }
        guard let chatID, let text else { throw validator.error }
        let message = try await store.postMessage(text, to: chatID)
        return .json(status: .created, message.write)
    }
}
