import ChatDomain
import ChatOperations
import ChatWire
import HTTPTypes
import Hummingbird

/// Moves read markers, and counts the chats with unread messages.
struct ReadMarkerController<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let maximumBodyBytes: Int

    @Sendable func move(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let object = try validator.object(in: body, of: request)
        let position = object.flatMap { validator.readPosition(in: $0) }
        let movesBack = object.flatMap { validator.boolean("back", in: $0, default: false) }
        guard let chatID, let position, let movesBack else { throw validator.error }
        return .json(
            try await operations.markAsRead(context.caller, in: chatID, upTo: position, movesBack: movesBack)
        )
    }

    @Sendable func countUnread(_ request: Request, context: ChatRequestContext) async throws -> Response {
        .json(UnreadChats(count: try await operations.countUnreadChats(context.caller)))
    }
}
