import ChatDomain
import ChatIdentity
import ChatLive
import ChatOperations
import ChatWire
import HTTPConnections
import Hummingbird

/// Shows operators this server process, its streams and the server keys, and creates and revokes keys.
struct AdminController<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let authenticator: Authenticator
    let admissions: StreamAdmissions
    let connections: ConnectionSlots
    let maximumConnections: Int
    let maximumStreams: Int
    let maximumBodyBytes: Int
    private let startedAt = Instant.now()
    /// Unlike the wall clock, it never jumps.
    private let start = ContinuousClock.now

    @Sendable func showServer(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let (database, writes) = try operations.readStoreStatus(context.caller)
        return .json(
            ServerDescription(
                version: ServiceVersion.text,
                database: database,
                isOpen: authenticator.mode == .open,
                startedAt: startedAt,
                uptimeSeconds: start.duration(to: .now).components.seconds,
                connections: .init(open: connections.count, maximum: maximumConnections),
                streams: .init(open: admissions.count, maximum: maximumStreams),
                writes: writes
            )
        )
    }

    @Sendable func listStreams(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        guard let limit = validator.limit(.streams, in: request) else { throw validator.error }
        return .json(OpenStreamList(try await operations.readStreams(context.caller), limit: limit))
    }

    @Sendable func listKeys(_ request: Request, context: ChatRequestContext) async throws -> Response {
        .json(ServerKeyList(try await operations.readServerKeys(context.caller)))
    }

    @Sendable func createKey(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let object = try validator.object(in: body, of: request)
        let name = object.flatMap { validator.serverKeyName(in: $0) }
        let scope = object.flatMap { validator.serverKeyScope(in: $0) }
        guard let name, let scope else { throw validator.error }
        let key = ServerKey()
        let record = key.record(named: name.value, scope, createdAt: .now())
        try await operations.addServerKey(context.caller, record)
        await authenticator.applyChangeOfAccess()
        return .json(IssuedServerKey(record, text: key.text), status: .created)
    }

    @Sendable func revokeKey(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        guard let id = validator.serverKeyID(in: context) else { throw validator.error }
        guard try await operations.revokeServerKey(context.caller, id) else { throw APIError.serverKeyNotFound }
        await authenticator.applyChangeOfAccess()
        return Response(status: .noContent)
    }
}

extension RequestValidator {
    /// The path's `key_id`.
    fileprivate mutating func serverKeyID(in context: some RequestContext) -> String? {
        let id = context.parameters.get("key_id")?.percentDecoded() ?? ""
        if ServerKey.isID(id) { return id }
        note(.patternMismatch(ServerKey.idPattern), at: ["path", "key_id"], input: .text(id))
        return nil
    }

    /// The member `name` of a request for a server key.
    fileprivate mutating func serverKeyName(in object: JSONValue) -> ServerKeyName? {
        guard let text = string("name", in: object) else { return nil }
        if let name = ServerKeyName(text) { return name }
        let rule = "a name has 1 to \(ServerKeyName.maximumLength) characters, and no line breaks"
        note(.rule(rule), at: ["body", "name"], input: .text(text))
        return nil
    }

    /// The member `scope` of a request for a server key.
    fileprivate mutating func serverKeyScope(in object: JSONValue) -> ServerKeyScope? {
        guard let text = string("scope", in: object) else { return nil }
        if let scope = ServerKeyScope(text) { return scope }
        note(.patternMismatch(ServerKeyScope.pattern), at: ["body", "scope"], input: .text(text))
        return nil
    }
}
