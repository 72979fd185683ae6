import ChatDomain
import ChatOperations
import ChatWire
import HTTPTypes
import Hummingbird

/// Posts, lists, reads, changes and deletes messages.
struct MessageController<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let maximumBodyBytes: Int
    let reads: ReadBudget
    let requestLimits: RequestLimits

    @Sendable func create(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let object = try validator.object(in: body, of: request)
        let draft = object.flatMap { object in
            validator.draft(in: object) { $0.idempotencyKey(in: request) }
        }
        guard let chatID, let draft else { throw validator.error }
        return .created(try await operations.postMessage(context.caller, draft, to: chatID, as: context.trace))
    }

    @Sendable func list(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let before = validator.place("before", in: request)
        let after = validator.place("after", in: request)
        let around = validator.place("around", in: request)
        validator.requireAtMostOne(of: ["before", "after", "around"], in: request)
        let limit = validator.limit(.messages, in: request)
        guard validator.issues.isEmpty, let chatID, let limit else { throw validator.error }
        let range: MessageRange =
            if let before = before?.value {
                .before(before)
            } else if let after = after?.value {
                .after(after)
            } else if let around = around?.value {
                .around(around)
            } else {
                .latest
            }
        return try await reads.read(upTo: limit, for: context.client) {
            .json(try await operations.listMessages(context.caller, of: chatID, range, limit: limit))
        }
    }

    @Sendable func show(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let id = validator.messageID(in: context)
        guard let chatID, let id else { throw validator.error }
        let message = try await operations.readMessage(context.caller, id, in: chatID)
        if let tags = request.headers[.ifNoneMatch], message.isNamed(byEntityTags: tags) {
            return Response(status: .notModified, headers: [.eTag: message.entityTag])
        }
        return .message(message)
    }

    @Sendable func edit(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let id = validator.messageID(in: context)
        let object = try validator.object(in: body, of: request)
        let condition = RevisionCondition(ifMatch: request.headers[.ifMatch])
        if let object, object.member("state") != nil {
            let finish = validator.finish(in: object, onlyIf: condition)
            guard let chatID, let id, let finish else { throw validator.error }
            return .message(try await operations.finishMessage(context.caller, id, in: chatID, finish))
        }
        // Everything but the end of an open message is a post, too. A refusal has its own fields.
        context.rateUse = nil
        context.rateUse = try requestLimits.admit(.posts, by: context.ratedClient)
        let text = object.flatMap { validator.optionalText("text", in: $0, MessageText.init) }
        let metadata = object.flatMap { validator.metadata(in: $0) }
        guard let chatID, let id, let text, let metadata else { throw validator.error }
        let edit = MessageEdit(text: text.value, metadata: metadata)
        return .message(
            try await operations.editMessage(context.caller, id, in: chatID, edit, onlyIf: condition)
        )
    }

    @Sendable func delete(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let id = validator.messageID(in: context)
        guard let chatID, let id else { throw validator.error }
        let condition = RevisionCondition(ifMatch: request.headers[.ifMatch])
        try await operations.deleteMessage(context.caller, id, in: chatID, onlyIf: condition)
        return Response(status: .noContent)
    }
}

extension Response {
    fileprivate static func message(_ message: Message) -> Response {
        var response = Response.json(message)
        response.headers[.eTag] = message.entityTag
        return response
    }
}
