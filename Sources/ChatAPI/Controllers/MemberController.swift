import ChatDomain
import ChatOperations
import ChatWire
import HTTPTypes
import Hummingbird

/// Lists, adds, changes and removes the members of chats, and opens the chat between two people.
struct MemberController<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let maximumBodyBytes: Int

    @Sendable func list(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let limit = validator.limit(.members, in: request)
        let cursor = validator.memberCursor(in: request)
        guard let chatID, let limit, let cursor else { throw validator.error }
        return .json(
            try await operations.listMembers(context.caller, of: chatID, after: cursor.value, limit: limit)
        )
    }

    @Sendable func add(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let object = try validator.object(in: body, of: request)
        let users = object.flatMap { validator.users("users", in: $0) }
        let role = object.flatMap { validator.choice("role", in: $0, default: ChatRole.member) }
        guard let chatID, let users, let role else { throw validator.error }
        let members = try await operations.changeMembers(context.caller, of: chatID, .add(users, as: role))
        return .json(MemberList(members))
    }

    @Sendable func put(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let userID = validator.userID(in: context)
        let object = try validator.object(in: body, of: request)
        let role: ChatRole? = object.flatMap { validator.choice("role", in: $0) }
        guard let chatID, let userID, let role else { throw validator.error }
        return .json(try await operations.setRole(context.caller, of: userID, in: chatID, to: role))
    }

    @Sendable func remove(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let userID = validator.userID(in: context)
        guard let chatID, let userID else { throw validator.error }
        _ = try await operations.changeMembers(context.caller, of: chatID, .remove(userID))
        return Response(status: .noContent)
    }

    @Sendable func openDirect(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let object = try validator.object(in: body, of: request)
        guard let other = object.flatMap({ validator.userID("user", in: $0) }) else { throw validator.error }
        let opened = try await operations.openDirectChat(context.caller, with: other)
        // The chat that is found is no replay: the other user may have created it.
        return .json(opened.value, status: opened.isReplay ? .ok : .created)
    }
}
