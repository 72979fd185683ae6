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

    /// Signs a token.
    ///
    /// - Parameters:
    ///   - lifetime: From `now`, in whole seconds; limited to the maximum age of the rules.
    ///   - now: `iat`.
    package func token(
        for user: UserID,
        role: ApplicationRole = .user,
        name: String? = nil,
        grants: Grants = Grants(),
        lifetime: Duration,
        at now: Instant
    ) async throws -> String {
        let issuedAt = Double(now.microsecondsSinceEpoch / 1_000_000)
        let claims = TokenClaims(
            sub: user.value,
            exp: issuedAt + Double(min(lifetime, rules.maximumAge).components.seconds),
            iat: issuedAt,
            iss: rules.issuer,
            aud: rules.audience.map { TokenClaims.Audience([$0]) },
            chat: TokenClaims.ChatClaim(role: role.rawValue, name: name, grants: grants.claim)
        )
        return try await key.sign(claims)
    }
}
