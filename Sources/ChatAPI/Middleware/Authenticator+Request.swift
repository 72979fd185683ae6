import ChatIdentity
import HTTPTypes
import Hummingbird

extension Authenticator {
    /// Verifies the credential of a request; nil without one in open mode.
    ///
    /// `Authorization` comes first, then a ticket, then the session cookie, which browsers add on their own.
    ///
    /// - Parameter acceptsTickets: Whether the request may have its credential in the query.
    /// - Throws: `CredentialError`, `ActAsError`, `APIError` and `StoreError`.
    func authenticate(_ request: Request, acceptsTickets: Bool) async throws -> Credential? {
        let user = request.headers[.actAs]
        if let bearer = try request.bearerCredential {
            return try await authenticate(bearer, actingAs: user)
        }
        let credential: Credential
        if acceptsTickets, request.method == .get, let ticket = request.queryParameter("ticket") {
            credential = try await authenticate(ticket: ticket, for: request.uri.path)
        } else if request.headers.contains(.cookie), let token = request.sessionCookie.token(in: request) {
            if request.changesSomething {
                try request.sessionCookie.requireSameOrigin(request.head)
            }
            credential = try await authenticate(token)
        } else {
            guard mode == .open else { throw CredentialError.tokenMissing }
            guard user == nil else { throw ActAsError.notAllowed }
            return nil
        }
        guard user == nil else { throw ActAsError.notAllowed }
        return credential
    }
}

extension Request {
    /// The credential of `Authorization: Bearer CREDENTIAL`; nil without the header.
    var bearerCredential: String? {
        get throws(CredentialError) {
            let fields = headers[values: .authorization]
            guard let field = fields.first else { return nil }
            let words = field.split(separator: " ", maxSplits: 2)
            guard fields.count == 1, words.count == 2, words[0].lowercased() == "bearer" else {
                throw .tokenInvalid(.notBearer)
            }
            return String(words[1])
        }
    }

    /// Whether the request is more than a read: an unsafe method (RFC 9110), or the start of a WebSocket.
    fileprivate var changesSomething: Bool {
        ![.get, .head, .options].contains(method) || headers.contains(.upgrade)
    }
}
