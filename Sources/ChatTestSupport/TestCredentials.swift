package import ChatDomain
package import ChatIdentity

/// Tokens and a server key, and authenticators that accept them.
package struct TestCredentials: Sendable {
    package let secret = "a secret of more than thirty-two bytes"
    /// Has the scope `admin`, and no store knows it.
    package let key = ServerKey()
    private let signer: TokenSigner
    private let tokenKey: TokenKey

    package init() async throws {
        signer = try await TokenSigner(secret: secret)
        tokenKey = try await TokenKey(secret: secret)
    }

    /// - Parameter offset: How far ahead the authenticator's clock is.
    package func authenticator(
        _ mode: Authenticator.Mode = .required,
        _ store: any ServiceStore,
        ahead offset: Duration = .zero
    ) -> Authenticator {
        let now: @Sendable () -> Instant = { .now().advanced(by: offset) }
        let verifier = TokenVerifier(now: now)
        verifier.replaceKeys(of: .secrets, with: [tokenKey])
        return Authenticator(mode, verifier, store, store.signals, environmentKey: key, now: now)
    }

    /// Signs a token.
    ///
    /// - Parameter age: How long ago.
    package func token(
        for user: UserID,
        _ role: ApplicationRole = .user,
        grants: Grants = Grants(everywhere: .member),
        lifetime: Duration = .seconds(600),
        age: Duration = .zero
    ) async throws -> String {
        let issuedAt = Instant.now().advanced(by: .zero - age)
        return try await signer.token(for: user, role: role, grants: grants, lifetime: lifetime, at: issuedAt)
    }

    /// The header with the server key.
    package var keyHeader: [String: String] {
        ["Authorization": "Bearer \(key.text)"]
    }

    /// The header with a new token.
    package func header(for user: UserID, _ role: ApplicationRole = .user) async throws -> [String: String] {
        ["Authorization": "Bearer \(try await token(for: user, role))"]
    }
}
