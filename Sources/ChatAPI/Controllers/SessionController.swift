import ChatDomain
import ChatIdentity
import HTTPTypes
import Hummingbird

/// Exchanges a user's token for a cookie.
struct SessionController: Sendable {
    let authenticator: Authenticator

    @Sendable func start(_ request: Request, context: ChatRequestContext) async throws -> Response {
        guard let credential = context.credential, let token = try request.bearerCredential(authenticator.mode) else {
            throw CredentialError.tokenMissing
        }
        guard case .token = credential.source, let timeLeft = authenticator.timeLeft(of: credential) else {
            throw APIError.sessionNeedsToken
        }
        let cookie = request.sessionCookie
        guard cookie.name.utf8.count + token.utf8.count <= SessionCookie.maximumLength else {
            throw APIError.tokenTooLongForSession
        }
        let lifetime = max(0, timeLeft.components.seconds)
        return Response(status: .noContent, headers: [.setCookie: cookie.field(token: token, lifetime: lifetime)])
    }

    /// Needs no valid credential, so that a page can end a session whose token has become void.
    @Sendable func end(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let cookie = request.sessionCookie
        if !cookie.tokens(in: request).isEmpty {
            try cookie.requireSameOrigin(request.head)
        }
        return Response(status: .noContent, headers: [.setCookie: cookie.field(token: "", lifetime: 0)])
    }
}

extension APIError {
    static let sessionNeedsToken = APIError(
        status: .forbidden,
        code: "session_needs_token",
        detail: "Only a user's token can become a session, not a server key"
    )
    static let tokenTooLongForSession = APIError(
        status: .unprocessableContent,
        code: "token_too_long",
        detail: "Browsers keep no cookie over \(SessionCookie.maximumLength) bytes: use a token with fewer grants"
    )
}
