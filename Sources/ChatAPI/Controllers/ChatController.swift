import ChatDomain
import ChatOperations
import ChatWire
import HTTPTypes
import Hummingbird

/// Creates, lists, reads, changes and deletes chats; a read includes the latest messages.
struct ChatController<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let maximumBodyBytes: Int
    let latestMessages: LatestMessagesCache
    let reads: ReadBudget

    @Sendable func create(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let object = try validator.object(in: body, of: request)
        let title = object.flatMap { validator.text("title", in: $0, ChatTitle.init) }
        let metadata = object.flatMap { validator.metadata(in: $0) }
        let visibility: RequestValidator.OptionalValue<ChatVisibility>? = object.flatMap {
            validator.optionalChoice("visibility", in: $0)
        }
        let members = object.flatMap { validator.optionalUsers("members", in: $0) }
        let receipts = object.flatMap { validator.optionalBoolean("receipts", in: $0) }
        let key = validator.idempotencyKey(in: request)
        guard let title, let metadata, let visibility, let members, let receipts, let key else {
            throw validator.error
        }
        var draft = ChatDraft(
            title: title,
            metadata: metadata.applied(to: nil),
            visibility: visibility.value,
            members: members.value,
            receipts: receipts.value,
            idempotencyKey: key.value
        )
        if visibility.value == nil, context.credential == nil {
            // It has no owner: private, it would be nobody's once the server requires credentials.
            draft.visibility = .open
        }
        return .created(try await operations.createChat(context.caller, draft))
    }

    @Sendable func list(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let limit = validator.limit(.chats, in: request)
        let cursor = validator.cursor(in: request)
        let titlePart = validator.titlePart(in: request)
        guard let limit, let cursor, let titlePart else { throw validator.error }
        let query = ChatListQuery(after: cursor.value?.cursor ?? .start, limit: limit, titlePart: titlePart.value)
        return .json(try await operations.listChats(context.caller, query, in: cursor.value?.epoch))
    }

    @Sendable func edit(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let id = validator.chatID(in: context)
        let object = try validator.object(in: body, of: request)
        let title = object.flatMap { validator.optionalText("title", in: $0, ChatTitle.init) }
        let metadata = object.flatMap { validator.metadata(in: $0) }
        let receipts = object.flatMap { validator.optionalBoolean("receipts", in: $0) }
        let slowMode = object.flatMap { validator.slowMode(in: $0) }
        guard let id, let title, let metadata, let receipts, let slowMode else { throw validator.error }
        let edit = ChatEdit(
            title: title.value,
            metadata: metadata,
            receipts: receipts.value,
            slowMode: slowMode.value
        )
        return .json(try await operations.editChat(context.caller, id, edit))
    }

    @Sendable func show(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let id = validator.chatID(in: context)
        let limit = validator.limit(.latestMessages, in: request)
        guard let id, let limit else { throw validator.error }
        return try await reads.read(upTo: limit, for: context.client) {
            try await show(LatestMessagesQuery(chatID: id, limit: limit), to: context.caller)
        }
    }

    private func show(_ query: LatestMessagesQuery, to caller: Caller) async throws -> Response {
        let latest: LatestMessages
        if let cached = latestMessages.entry(for: query) {
            let request = LatestMessagesRequest(query, known: cached.end)
            guard let changed = try await operations.readChat(caller, request) else { return .json(cached.body) }
            latest = changed
        } else {
            latest = try await operations.readChat(caller, query)
        }
        var writer = JSONWriter(capacity: 256 * (1 + latest.chat.messages.count))
        latest.chat.write(to: &writer)
        // The text of an open message grows without an entry in the log.
        if !latest.chat.messages.contains(where: \.isOpen) {
            latestMessages.insert(LatestMessagesCache.Entry(end: latest.end, body: writer.buffer), for: query)
        }
        return .json(writer.buffer)
    }

    @Sendable func delete(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        guard let id = validator.chatID(in: context) else { throw validator.error }
        try await operations.deleteChat(context.caller, id)
        return Response(status: .noContent)
    }
}
