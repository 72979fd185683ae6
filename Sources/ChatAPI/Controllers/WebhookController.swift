import ChatDomain
import ChatOperations
import ChatWire
import Hummingbird

/// Manages webhooks.
struct WebhookController<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let maximumBodyBytes: Int

    @Sendable func create(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let object = try validator.object(in: body, of: request)
        guard let draft = object.flatMap({ validator.webhookDraft(in: $0) }) else { throw validator.error }
        let webhook = try await operations.createWebhook(context.caller, draft)
        return .json(IssuedWebhook(webhook), status: .created)
    }

    @Sendable func list(_ request: Request, context: ChatRequestContext) async throws -> Response {
        .json(WebhookList(try await operations.readWebhooks(context.caller)))
    }

    @Sendable func show(_ request: Request, context: ChatRequestContext) async throws -> Response {
        .json(try await state(context).webhook)
    }

    @Sendable func showState(_ request: Request, context: ChatRequestContext) async throws -> Response {
        .json(try await state(context))
    }

    private func state(_ context: ChatRequestContext) async throws -> WebhookState {
        var validator = RequestValidator()
        guard let id = validator.webhookID(in: context) else { throw validator.error }
        return try await operations.readWebhookState(context.caller, id)
    }

    @Sendable func edit(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let id = validator.webhookID(in: context)
        let object = try validator.object(in: body, of: request)
        let edit = object.flatMap { validator.webhookEdit(in: $0) }
        guard let id, let edit else { throw validator.error }
        return .json(try await operations.editWebhook(context.caller, id, edit))
    }

    @Sendable func replaceSecret(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let id = validator.webhookID(in: context)
        let object = try validator.object(in: body, of: request)
        let secret = object.flatMap { validator.webhookSecret(in: $0) }
        guard let id, let secret else { throw validator.error }
        var edit = WebhookEdit()
        edit.secret = secret
        return .json(IssuedWebhook(try await operations.editWebhook(context.caller, id, edit)))
    }

    @Sendable func delete(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        guard let id = validator.webhookID(in: context) else { throw validator.error }
        try await operations.deleteWebhook(context.caller, id)
        return Response(status: .noContent)
    }

    @Sendable func replay(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let id = validator.webhookID(in: context)
        let object = try validator.object(in: body, of: request)
        let chat = object.flatMap { validator.integer("chat_id", in: $0) }
        let position = object.flatMap { validator.integer("after", in: $0, range: 0...Int64.max) }
        guard let id, let chat, let position else { throw validator.error }
        try await operations.replay(
            context.caller,
            ChatID(rawValue: chat),
            after: Position(rawValue: position),
            to: id
        )
        return Response(status: .accepted)
    }

    @Sendable func test(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        guard let id = validator.webhookID(in: context) else { throw validator.error }
        guard let result = try await operations.testWebhook(context.caller, id, as: context.trace) else {
            throw APIError.noWebhookSender
        }
        return .json(result)
    }
}
