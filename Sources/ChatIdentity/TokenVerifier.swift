package import ChatDomain
import Synchronization

/// Verifies users' tokens.
///
/// Each source can replace its keys at any time. One that fails to read new keys replaces nothing, so its last good keys
/// stay in use.
package final class TokenVerifier: Sendable {
    /// Where keys come from.
    package enum KeySource: Hashable, Sendable {
        case secrets
        case file
        case url
    }

    private let rules: TokenRules
    private let now: @Sendable () -> Instant
    private let keys = Mutex<[KeySource: [TokenKey]]>([:])
    /// Sends a signal after each replacement of keys.
    let replacements = Broadcast<Void>()

    /// - Parameter now: The wall clock.
    package init(_ rules: TokenRules = TokenRules(), now: @escaping @Sendable () -> Instant = { .now() }) {
        self.rules = rules
        self.now = now
    }

    /// Whether any source has a key.
    package var hasKeys: Bool {
        keys.withLock { $0.values.contains { !$0.isEmpty } }
    }

    /// Replaces the keys of one source.
    ///
    /// Tokens that only the old keys verify are invalid from now on.
    package func replaceKeys(of source: KeySource, with keys: [TokenKey]) {
        self.keys.withLock { $0[source] = keys }
        replacements.send(())
    }

    /// The keys that verify tokens now.
    var keyIDs: Set<TokenKeyID> {
        keys.withLock { Set($0.values.joined().map(\.id)) }
    }

    /// Verifies a token's signature and claims.
    ///
    /// - Throws: `tokenExpired` or `tokenInvalid`.
    package func verify(_ token: String) async throws(CredentialError) -> UserToken {
        guard token.utf8.count <= rules.maximumLength else { throw .tokenInvalid(.tooLong) }
        let (claims, keyID) = try await signedClaims(of: token)
        return try claims.checked(by: rules, at: now(), signedWith: keyID)
    }

    private func signedClaims(of token: String) async throws(CredentialError) -> (TokenClaims, TokenKeyID) {
        let header = try TokenHeader(of: token)
        let keys = keys.withLock { $0.values.joined().filter { $0.mayHaveSigned(header) } }
        guard !keys.isEmpty else { throw .tokenInvalid(.unknownKey) }
        for key in keys {
            do throws(CredentialError) {
                return (try await key.claims(of: token), key.id)
            } catch .tokenInvalid(.wrongSignature) {}
        }
        throw .tokenInvalid(.wrongSignature)
    }
}
