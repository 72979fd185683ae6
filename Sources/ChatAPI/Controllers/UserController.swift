import ChatDomain
import ChatIdentity
import ChatOperations
import ChatWire
import HTTPTypes
import Hummingbird

/// Maintains users and their access, and tells callers who they are.
struct UserController<Store: ServiceStore>: Sendable {
    let operations: Operations<Store>
    let authenticator: Authenticator
    let tokenSigner: TokenSigner?
    let maximumBodyBytes: Int
    let reads: ReadBudget

    @Sendable func list(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        guard let ids = validator.userIDs(in: request) else { throw validator.error }
        // A user is smaller than a message.
        return try await reads.read(upTo: ids.count, for: context.client) {
            .json(UserList(try await operations.readUsers(context.caller, ids)))
        }
    }

    @Sendable func show(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        guard let id = validator.userID(in: context) else { throw validator.error }
        return .json(try await operations.readUser(context.caller, id))
    }

    @Sendable func put(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        var validator = RequestValidator()
        let id = validator.userID(in: context)
        let object = try validator.object(in: body, of: request)
        let profile = object.flatMap { validator.userProfile(in: $0) }
        guard let id, let profile else { throw validator.error }
        let user = try await operations.putUser(context.caller, id, profile)
        await authenticator.applyChangeOfAccess()
        return .json(user)
    }

    @Sendable func delete(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        let id = validator.userID(in: context)
        let messages = validator.choice("messages", in: request, default: MessageTreatment.keep)
        guard let id, let messages else { throw validator.error }
        try await operations.deleteUser(context.caller, id, erasesMessages: messages == .erase)
        await authenticator.applyChangeOfAccess()
        return Response(status: .noContent)
    }

    @Sendable func createToken(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: maximumBodyBytes)
        guard let tokenSigner else { throw APIError.noSigningSecret }
        var validator = RequestValidator()
        let id = validator.userID(in: context)
        let object = try validator.object(in: body, of: request)
        let lifetime = object.flatMap { validator.lifetime(in: $0, upTo: tokenSigner.maximumLifetime) }
        let role = object.flatMap { validator.choice("role", in: $0, default: ApplicationRole.user) }
        let name = object.flatMap { validator.nullableText("name", in: $0, UserName.init) }
        let grants = object.flatMap { validator.grants(in: $0) }
        guard let id, let lifetime, let role, let name, let grants else { throw validator.error }
        let user = try await operations.readUsers(context.caller, [id]).first
        guard user?.deactivatedAt == nil else { throw APIError.userDeactivated }
        let now = Instant.now()
        let token = try await tokenSigner.token(
            for: id,
            role: role,
            name: name.value?.value,
            grants: grants,
            lifetime: lifetime,
            at: now
        )
        return .json(IssuedToken(token, expiresAt: now.advanced(by: lifetime)), status: .created)
    }

    @Sendable func revoke(_ request: Request, context: ChatRequestContext) async throws -> Response {
        var validator = RequestValidator()
        guard let id = validator.userID(in: context) else { throw validator.error }
        return try await revokeTokens(of: id, context.caller)
    }

    @Sendable func revokeAll(_ request: Request, context: ChatRequestContext) async throws -> Response {
        try await revokeTokens(of: nil, context.caller)
    }

    private func revokeTokens(of user: UserID?, _ caller: Caller) async throws -> Response {
        try await operations.revokeTokens(caller, of: user)
        await authenticator.applyChangeOfAccess()
        return Response(status: .noContent)
    }

    @Sendable func showCaller(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let user = try await operations.readOwnUser(context.caller)
        let description = CallerDescription(
            user: user,
            rights: context.caller.rights,
            scope: context.credential?.scope,
            expiresAt: context.credential?.expiresAt
        )
        return .json(description)
    }
}

/// What the deletion of a user does with the user's messages.
enum MessageTreatment: String, CaseIterable {
    case keep, erase
}
