package import ChatDomain
import JWTKit

/// Signs tokens, for teams without a JWT library and for development.
package struct TokenSigner: Sendable {
    private let key: JWTKeyCollection
    private let rules: TokenRules

    /// - Parameters:
    ///   - secret: One of the shared secrets of the verifier.
    ///   - rules: Those of the verifier.
    /// - Throws: `TokenKeyError.shortSecret`.
    package init(secret: String, _ rules: TokenRules = TokenRules()) async throws(TokenKeyError) {
        guard secret.utf8.count >= TokenKey.minimumSecretLength else { throw .shortSecret }
        key = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        self.rules = rules
    }

    /// The longest time until `exp`.
    package var maximumLifetime: Duration {
        rules.maximumAge
    }

    /// Signs a token.
    ///
    /// - Parameters:
    ///   - lifetime: From `now`; limited to `maximumLifetime`.
    ///   - now: `iat`, exactly: a token is void if its user's tokens were revoked later in the same second.
    package func token(
        for user: UserID,
        role: ApplicationRole = .user,
        name: String? = nil,
        grants: Grants = Grants(),
        lifetime: Duration,
        at now: Instant
    ) async throws -> String {
        let claims = TokenClaims(
            sub: user.value,
            exp: now.advanced(by: min(lifetime, maximumLifetime)).secondsSinceEpoch,
            iat: now.secondsSinceEpoch,
            iss: rules.issuer,
            aud: rules.audience.map { TokenClaims.Audience([$0]) },
            chat: TokenClaims.ChatClaim(role: role.rawValue, name: name, grants: grants.claim)
        )
        return try await key.sign(claims)
    }
}
