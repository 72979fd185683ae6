import Caching
package import ChatDomain
import Synchronization

/// Verifies users' tokens and caches the valid ones.
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

    private struct State {
        var keys: [KeySource: [TokenKey]] = [:]
        /// Counts the replacements of keys.
        var version = 0
        var tokens: GenerationalCache<TokenHash, UserToken>
    }

    /// The memory for a cached token besides its claims, in bytes; an estimate.
    private static let overhead = 512

    private let rules: TokenRules
    private let now: @Sendable () -> Instant
    private let state: Mutex<State>
    /// Sends a signal after each replacement of keys.
    let replacements = Broadcast<Void>()

    /// - Parameters:
    ///   - maximumCacheBytes: The memory for the cache; 0 turns it off.
    ///   - now: The wall clock.
    package init(
        _ rules: TokenRules = TokenRules(),
        maximumCacheBytes: Int = 8 * 1024 * 1024,
        now: @escaping @Sendable () -> Instant = { .now() }
    ) {
        self.rules = rules
        self.now = now
        state = Mutex(State(tokens: GenerationalCache(maximumCost: maximumCacheBytes)))
    }

    /// Whether any source has a key.
    package var hasKeys: Bool {
        state.withLock { $0.keys.values.contains { !$0.isEmpty } }
    }

    /// The number of tokens in the cache.
    package var cachedTokenCount: Int {
        state.withLock { $0.tokens.count }
    }

    /// Replaces the keys of one source.
    ///
    /// Tokens that only the old keys verify are invalid from now on.
    package func replaceKeys(of source: KeySource, with keys: [TokenKey]) {
        state.withLock { state in
            state.keys[source] = keys
            state.version += 1
            state.tokens.removeAll()
        }
        replacements.send(())
    }

    /// The keys that verify tokens now.
    var keyIDs: Set<TokenKeyID> {
        state.withLock { Set($0.keys.values.joined().map(\.id)) }
    }

    /// Verifies a token.
    ///
    /// A cached token costs one hash, until its `exp`.
    ///
    /// - Throws: `tokenExpired` or `tokenInvalid`.
    package func verify(_ token: String) async throws(CredentialError) -> UserToken {
        guard token.utf8.count <= rules.maximumLength else { throw .tokenInvalid(.tooLong) }
        let hash = TokenHash(token)
        let now = now()
        let (known, version) = state.withLock { ($0.tokens.value(for: hash), $0.version) }
        if let known, now < known.expiresAt { return known }
        let (claims, keyID) = try await signedClaims(of: token)
        let verified = try claims.checked(by: rules, at: now, signedWith: keyID, hash: hash)
        if now < verified.expiresAt {
            state.withLock { state in
                guard state.version == version else { return }
                state.tokens.insert(verified, for: hash, cost: token.utf8.count + Self.overhead)
            }
        }
        return verified
    }

    private func signedClaims(of token: String) async throws(CredentialError) -> (TokenClaims, TokenKeyID) {
        let header = try TokenHeader(of: token)
        let keys = state.withLock { $0.keys.values.joined().filter { $0.mayHaveSigned(header) } }
        guard !keys.isEmpty else { throw .tokenInvalid(.unknownKey) }
        for key in keys {
            do throws(CredentialError) {
                return (try await key.claims(of: token), key.id)
            } catch .tokenInvalid(.wrongSignature) {}
        }
        throw .tokenInvalid(.wrongSignature)
    }
}
