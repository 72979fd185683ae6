/// The reason why a credential is rejected.
///
/// It contains no part of the credential.
package enum CredentialError: Error, Hashable {
    case tokenMissing
    case tokenExpired
    case tokenInvalid(TokenFlaw)
    case keyRevoked

    /// The `code` of the 401 response.
    package var code: String {
        switch self {
        case .tokenMissing: "token_missing"
        case .tokenExpired: "token_expired"
        case .tokenInvalid: "token_invalid"
        case .keyRevoked: "key_revoked"
        }
    }

    /// A sentence for the developer of the client.
    package var reason: String {
        switch self {
        case .tokenMissing: "The request has no credential."
        case .tokenExpired: "The token has expired."
        case .tokenInvalid(let flaw): flaw.reason
        case .keyRevoked: "The server key was revoked."
        }
    }
}

/// What is wrong with a token or a server key.
package enum TokenFlaw: CaseIterable, Hashable, Sendable {
    /// There are several `Authorization` headers, or one that is not `Bearer` and a credential.
    case notBearer
    case malformed
    case tooLong
    /// No key has the `kid` and `alg` of the token's header; a newer key set may have it.
    case unknownKey
    case wrongSignature
    case notYetValid
    case missingExpiration
    case expirationTooLate
    case wrongIssuer
    case wrongAudience
    /// The claims are not a JSON object, or one has the wrong type.
    case invalidClaim
    case invalidSubject
    case invalidChatClaim
    case unknownServerKey
    /// The ticket is for another path, or the server did not make it.
    case invalidTicket
    /// The token was issued before its user's, or everyone's, tokens were revoked.
    case revoked
    case userDeactivated

    fileprivate var reason: String {
        switch self {
        case .notBearer: "Authorization must be the word Bearer, a space and a token or server key."
        case .malformed: "The credential is neither a JSON Web Token nor a server key."
        case .tooLong: "The token is too long."
        case .unknownKey: "The server has no key with the token's `kid` and `alg`."
        case .wrongSignature: "The token's signature matches none of the server's keys."
        case .notYetValid: "The token is not valid yet: its `nbf` or `iat` is in the future."
        case .missingExpiration: "The token has no `exp`."
        case .expirationTooLate: "The token's `exp` is too far in the future."
        case .wrongIssuer: "The token's `iss` is not the issuer that the server expects."
        case .wrongAudience: "The token's `aud` does not include the audience that the server expects."
        case .invalidClaim: "The token's claims are not a JSON object, or one of them has the wrong type."
        case .invalidSubject: "The token's `sub` must be 1 to 128 visible ASCII characters."
        case .invalidChatClaim: "The token's `chat` contains an unknown role or an invalid grant."
        case .unknownServerKey: "The server does not know this key."
        case .invalidTicket: "The ticket is not valid for this path."
        case .revoked: "The token was revoked."
        case .userDeactivated: "The user is deactivated."
        }
    }
}

/// The reason why a request may not act as a user (`Act-As`).
package enum ActAsError: Error, Hashable {
    /// Only a server key with the scope `admin` or `post` may.
    case notAllowed
    /// Not a user's id.
    case invalidUser
    case userDeactivated
}
