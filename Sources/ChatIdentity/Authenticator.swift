import Caching
package import ChatDomain
import Synchronization

/// Decides who makes a request, from the request's credential.
///
/// What it knows of users and server keys is a copy of the store's, which `run` keeps current: the store signals each
/// change of access by any process, and a poll finds what no signal announced, such as a key revoked by a command.
package final class Authenticator: Sendable {
    /// What happens to a request without a credential.
    package enum Mode: Hashable, Sendable {
        /// It is served, and may do everything.
        case open
        /// It is rejected.
        case required
    }

    struct State {
        var access = AccessTable()
        /// Whether `access` was ever read from the store.
        var isLoaded = false
        /// Verified tokens; a credential of another version than `access` must be checked again.
        var tokens: GenerationalCache<TokenHash, (token: UserToken, credential: Credential)>
        /// Counts the replacements of the verifier's keys.
        var keyReplacements = 0
        var standings: GenerationalCache<UserID, UserStanding>
        /// Watches by number.
        var watches: [Int: (credential: Credential, onVoid: @Sendable (CredentialError) -> Void)] = [:]
        var lastWatch = 0
        /// The version after which the next refresh reads: lower than the table's if a watch was added late.
        var rereadAfter: Int64?
        /// The latest lookup of an unknown key, which all requests share that arrive before it starts.
        var lookup: (start: ContinuousClock.Instant, keys: Task<[String: ServerKeyRecord], any Error>)?
        var ticketSecret: TicketSecret?
        /// The hours in which keys were used, until the store has them.
        var uses: [String: Instant] = [:]
    }

    /// The memory for a cached standing, in bytes; an estimate.
    private static let standingCost = 256
    /// The memory for a cached token besides its claims, in bytes; an estimate.
    private static let tokenCost = 1_024

    package let mode: Mode
    let verifier: TokenVerifier
    let store: any IdentityStore
    let signals: LogSignals
    private let environmentKey: ServerKeyRecord?
    private let onUnknownKey: (@Sendable () async -> Void)?
    let pollInterval: Duration
    /// Reads the wall clock by which credentials end.
    let now: @Sendable () -> Instant
    let state: Mutex<State>
    /// Requests for a refresh.
    let wakeUps: AsyncStream<Void>
    let wakeUp: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - verifier: Verifies tokens.
    ///   - store: Knows users and server keys.
    ///   - signals: The store's.
    ///   - environmentKey: A key with the scope `admin` besides those of the store.
    ///   - onUnknownKey: Called for a token that no key of the verifier may have signed; if it obtains newer keys, the
    ///     token is verified with them.
    ///   - maximumCacheBytes: The memory for verified tokens, and for users' standings; 0 turns the caches off.
    ///   - pollInterval: How often to look for changes that no signal announced.
    ///   - now: The wall clock.
    package init(
        _ mode: Mode,
        _ verifier: TokenVerifier,
        _ store: any IdentityStore,
        _ signals: LogSignals,
        environmentKey: ServerKey? = nil,
        onUnknownKey: (@Sendable () async -> Void)? = nil,
        maximumCacheBytes: Int = 8 * 1024 * 1024,
        pollInterval: Duration = .seconds(5),
        now: @escaping @Sendable () -> Instant = { .now() }
    ) {
        self.mode = mode
        self.verifier = verifier
        self.store = store
        self.signals = signals
        self.environmentKey = environmentKey?.record(named: "environment", .admin, createdAt: now())
        self.onUnknownKey = onUnknownKey
        self.pollInterval = pollInterval
        self.now = now
        state = Mutex(
            State(
                tokens: GenerationalCache(maximumCost: maximumCacheBytes),
                standings: GenerationalCache(maximumCost: maximumCacheBytes)
            )
        )
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        verifier.replacements.addListener { [weak self] in self?.applyKeyReplacement() }
    }

    /// The number of tokens in the cache.
    package var cachedTokenCount: Int {
        state.withLock { $0.tokens.count }
    }

    /// Verifies the credential of a request.
    ///
    /// A known token costs one hash, until its `exp`. The first request of a user creates the user.
    ///
    /// - Parameters:
    ///   - text: A token or a server key.
    ///   - actingAs: The `Act-As` of the request; nil without one.
    /// - Throws: `CredentialError`, `ActAsError`, or `StoreError` if the store is needed and does not answer.
    package func authenticate(_ text: String, actingAs user: String? = nil) async throws -> Credential {
        if ServerKey.isCandidate(text) {
            return try await credential(ofServerKey: text, actingAs: user)
        }
        let credential = try await credential(ofToken: text)
        guard user == nil else { throw ActAsError.notAllowed }
        return credential
    }

    /// Reads what the store knows of access, unless that was done: without it, revoked tokens would be valid.
    private func requireAccessTable() async throws(StoreError) {
        guard !state.withLock({ $0.isLoaded }) else { return }
        try await refresh()
    }

    /// The credential of a token that was verified before and is still valid; nil if it must be verified.
    ///
    /// `authenticate` finds it, too, but its asynchronous calls cost more than the lookup.
    package func knownCredential(ofToken text: String) -> Credential? {
        let now = now()
        let hash = TokenHash(text)
        return state.withLock { state in
            guard let (token, credential) = state.tokens.value(for: hash), now < token.expiresAt,
                credential.version == state.access.version
            else { return nil }
            return credential
        }
    }

    private func credential(ofToken text: String) async throws -> Credential {
        if let known = knownCredential(ofToken: text) { return known }
        let hash = TokenHash(text)
        let now = now()
        let (known, keyReplacements) = state.withLock { ($0.tokens.value(for: hash)?.token, $0.keyReplacements) }
        let token: UserToken
        if let known, now < known.expiresAt {
            token = known
        } else {
            token = try await verifiedToken(text)
        }
        let credential = Credential(
            caller: Caller(author: token.userID, rights: token.rights),
            source: .token(hash, token.keyID),
            issuedAt: token.issuedAt,
            expiresAt: token.expiresAt,
            version: try await requireValidTokens(
                of: token.userID,
                named: token.name,
                token.role == .bot ? .bot : .person,
                issuedAt: token.issuedAt
            )
        )
        // Within the leeway, the rules are checked each time.
        guard now < token.expiresAt else { return credential }
        state.withLock { state in
            // The key may have been removed, or access have changed, since it was checked.
            guard state.keyReplacements == keyReplacements, state.access.version == credential.version else { return }
            state.tokens.insert((token, credential), for: hash, cost: Self.tokenCost + text.utf8.count)
        }
        return credential
    }

    private func verifiedToken(_ text: String) async throws(CredentialError) -> UserToken {
        do throws(CredentialError) {
            return try await verifier.verify(text)
        } catch .tokenInvalid(.unknownKey) {
            guard let onUnknownKey else { throw .tokenInvalid(.unknownKey) }
            await onUnknownKey()
            return try await verifier.verify(text)
        }
    }

    /// The version of the access data; read it before a check, so that a later change is not missed.
    var accessVersion: Int64 {
        state.withLock { $0.access.version }
    }

    /// Rejects a user's token, or a ticket, that is void; `name` and `kind` are those of a user first seen here.
    ///
    /// - Returns: The version of the access data before the check.
    @discardableResult
    func requireValidTokens(
        of user: UserID,
        named name: String? = nil,
        _ kind: User.Kind = .person,
        issuedAt: Instant?
    ) async throws -> Int64 {
        try await requireAccessTable()
        let (standing, access) = try await standing(of: user, named: name, kind)
        let flaw = standing.flaw(ofTokenIssuedAt: issuedAt, tokensValidAfter: access.tokensValidAfter)
        if let flaw { throw CredentialError.tokenInvalid(flaw) }
        return access.version
    }

    private func credential(ofServerKey text: String, actingAs user: String?) async throws -> Credential {
        guard let key = ServerKey(text) else { throw CredentialError.tokenInvalid(.malformed) }
        let version = accessVersion
        guard let record = try await record(ofKey: key.id), key.matches(secretHash: record.secretHash) else {
            throw CredentialError.tokenInvalid(.unknownServerKey)
        }
        return Credential(
            caller: try await caller(with: record, actingAs: user),
            source: .serverKey(record.id),
            scope: record.scope,
            version: version
        )
    }

    /// Who makes a request with a server key.
    func caller(with key: ServerKeyRecord, actingAs text: String?) async throws -> Caller {
        guard key.revokedAt == nil else { throw CredentialError.keyRevoked }
        noteUse(of: key)
        let scope = key.scope
        guard let text else { return try await caller(of: scope) }
        guard scope.mayActAsUsers else { throw ActAsError.notAllowed }
        guard let user = UserID(text) else { throw ActAsError.invalidUser }
        let (standing, _) = try await standing(of: user, named: nil, .person)
        guard !standing.isDeactivated else { throw ActAsError.userDeactivated }
        return Caller(author: user, rights: .user(.user), isDelegated: true)
    }

    private func caller(of scope: ServerKeyScope) async throws -> Caller {
        if let bot = scope.bot {
            let (standing, _) = try await standing(of: bot, named: nil, .bot)
            guard !standing.isDeactivated else { throw CredentialError.tokenInvalid(.userDeactivated) }
        }
        return Caller(author: scope.bot, rights: scope.rights)
    }

    private func standing(
        of user: UserID,
        named name: String?,
        _ kind: User.Kind
    ) async throws -> (UserStanding, AccessTable) {
        let (known, access) = state.withLock { ($0.standings.value(for: user), $0.access) }
        if let known { return (known, access) }
        let name = name.flatMap { try? UserName($0) }
        let standing = try await store.standing(of: user, creatingWith: name, kind)
        state.withLock { state in
            guard state.access.version == access.version else { return }
            state.standings.insert(standing, for: user, cost: Self.standingCost + user.value.utf8.count)
        }
        return (standing, access)
    }

    /// Finds a key, which may have been created a moment ago: for unknown ids, the keys are read again, once a second at
    /// most.
    func record(ofKey id: String) async throws -> ServerKeyRecord? {
        if let environmentKey, environmentKey.id == id { return environmentKey }
        if let known = state.withLock({ $0.access.keys[id] }) { return known }
        let arrival = ContinuousClock.now
        let lookup = state.withLock { state in
            if let lookup = state.lookup, lookup.start >= arrival { return lookup.keys }
            let start = state.lookup.map { max(arrival, $0.start.advanced(by: .seconds(1))) } ?? arrival
            let keys = Task {
                try await Task.sleep(until: start, clock: .continuous)
                return try await self.loadKeys()
            }
            state.lookup = (start, keys)
            return keys
        }
        return try await lookup.value[id]
    }

    @discardableResult
    func loadKeys() async throws(StoreError) -> [String: ServerKeyRecord] {
        let keys = Dictionary(try await store.serverKeys().map { ($0.id, $0) }) { first, _ in first }
        state.withLock { state in
            // A list that was read before a revocation must not undo it.
            let revoked = state.access.keys.filter { $0.value.revokedAt != nil }
            state.access.keys = keys.merging(revoked) { $1 }
        }
        return keys
    }

    /// The store's, which is read once.
    func ticketSecret() async throws(StoreError) -> TicketSecret {
        if let known = state.withLock({ $0.ticketSecret }) { return known }
        let secret = TicketSecret(try await store.ticketSecret())
        state.withLock { $0.ticketSecret = secret }
        return secret
    }

    private func noteUse(of key: ServerKeyRecord) {
        let hour = now().startOfHour
        guard key.lastUsedAt ?? .distantPast < hour, key.id != environmentKey?.id else { return }
        state.withLock { $0.uses[key.id] = hour }
    }
}

extension Instant {
    fileprivate static let distantPast = Instant(microsecondsSinceEpoch: .min)

    fileprivate var startOfHour: Instant {
        let hour: Int64 = 3_600_000_000
        return Instant(microsecondsSinceEpoch: microsecondsSinceEpoch / hour * hour)
    }
}
