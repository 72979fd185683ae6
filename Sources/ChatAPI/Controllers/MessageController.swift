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
        let key = validator.idempotencyKey(in: request)
        guard let chatID, let text, let key else { throw validator.error }
        let draft = MessageDraft(to: chatID, text: text, idempotencyKey: key.value)
        let message = try await store.postMessage(draft)
        return .created(message) { $0.write(to: &$1) }
    }
}
