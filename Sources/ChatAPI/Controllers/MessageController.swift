import ChatDomain
import ChatWire
import HTTPTypes
import Hummingbird

/// Messages: post one, read pages of them, read, edit and delete one.
struct MessageController<Store: ChatStore>: Sendable {
    let store: Store
    let maximumBodyBytes: Int
    let reads: ReadBudget

    /// How many messages a page has at the most.
    static var pageLimits: ClosedRange<Int> { 1...100 }
    static var defaultPageLimit: Int { 50 }

    @Sendable func create(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let object = try validator.object(in: body, of: request)
        let text = object.flatMap { validator.text("text", in: $0, MessageText.init) }
        let metadata = object.flatMap { validator.metadata(in: $0) }
        let replyTo = object.flatMap { validator.replyTo(in: $0) }
        let key = validator.idempotencyKey(in: request)
        guard let chatID, let text, let metadata, let replyTo, let key else { throw validator.error }
        let draft = MessageDraft(
            text: text,
            metadata: metadata.applied(to: nil),
            replyTo: replyTo.value,
            idempotencyKey: key.value
        )
        return .created(try await store.recordMessage(.post(draft), in: chatID))
    }

    @Sendable func list(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let before = validator.place("before", in: request)
        let after = validator.place("after", in: request)
        let around = validator.place("around", in: request)
        validator.requireAtMostOne(of: ["before", "after", "around"], in: request)
        let limit = validator.integer("limit", in: request, range: Self.pageLimits, default: Self.defaultPageLimit)
        guard validator.issues.isEmpty, let chatID, let limit else { throw validator.error }
        let query: MessagePageQuery =
            if let before = before?.value {
                .before(before.position, in: chatID, limit: limit)
            } else if let after = after?.value {
                .after(after.position, in: chatID, limit: limit)
            } else if let around = around?.value {
                .around(around.position, in: chatID, limit: limit)
            } else {
                .newest(of: chatID, limit: limit)
            }
        let epochs = [before, after, around].compactMap { $0?.value?.epoch }
        return try await reads.read(upTo: limit, for: context.address) {
            let page = try await store.messages(query)
            if epochs.contains(where: { $0 != page.epoch })
                || after?.value?.isStale(in: page.epoch, end: page.lastPosition) == true
            {
                throw APIError.epochChanged(to: page.epoch)
            }
            return .json(page)
        }
    }

    @Sendable func show(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let id = validator.messageID(in: context)
        guard let chatID, let id else { throw validator.error }
        let message = try await store.message(id, in: chatID)
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
        let text = object.flatMap { validator.optionalText("text", in: $0, MessageText.init) }
        let metadata = object.flatMap { validator.metadata(in: $0) }
        guard let chatID, let id, let text, let metadata else { throw validator.error }
        let edit = MessageEdit(text: text.value, metadata: metadata)
        let change = LogChange.edit(id, edit, onlyIf: RevisionCondition(ifMatch: request.headers[.ifMatch]))
        return .message(try await store.recordMessage(change, in: chatID).value)
    }

    @Sendable func delete(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let chatID = validator.chatID(in: context)
        let id = validator.messageID(in: context)
        guard let chatID, let id else { throw validator.error }
        let change = LogChange.delete(id, onlyIf: RevisionCondition(ifMatch: request.headers[.ifMatch]))
        _ = try await store.recordMessage(change, in: chatID)
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
