import ChatDomain
import ChatIdentity
import ChatTestSupport
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2)))
struct AuthenticatorTests {
    private func authenticator(
        _ store: any ServiceStore,
        environmentKey: ServerKey? = nil
    ) async throws -> Authenticator {
        let verifier = TokenVerifier()
        verifier.replaceKeys(of: .secrets, with: [try await TokenKey(secret: TestKeys.secret)])
        return Authenticator(.required, verifier, store, store.signals, environmentKey: environmentKey)
    }

    private func token(for user: UserID, name: String? = nil) async throws -> String {
        try await TokenSigner(secret: TestKeys.secret).token(for: user, name: name, lifetime: .seconds(600), at: .now())
    }

    /// The errors with which watches ended.
    private final class Ends: Sendable {
        private let errors = Mutex<[CredentialError]>([])

        var all: [CredentialError] { errors.withLock(\.self) }

        @Sendable func add(_ error: CredentialError) {
            errors.withLock { $0.append(error) }
        }
    }

    // MARK: Users

    @Test(arguments: StoreUnderTest.allCases)
    func `the first request creates the user, and further ones ask the store nothing`(_ kind: StoreUnderTest)
        async throws
    {
        try await kind.withStore { store async throws in
            let reads = Mutex(0)
            let counted = InterceptedStore(store) { _ throws(StoreError) in reads.withLock { $0 += 1 } }
            let authenticator = try await authenticator(counted)
            let token = try await token(for: "ada", name: "Ada")
            _ = try await authenticator.authenticate(token)
            let readsOfFirst = reads.withLock(\.self)
            for _ in 1...3 {
                let credential = try await authenticator.authenticate(token)
                #expect(credential.caller == Caller(author: "ada", rights: .user(.user)))
            }
            _ = try await authenticator.authenticate(self.token(for: "ada", name: "Countess"))
            #expect(reads.withLock(\.self) == readsOfFirst)
            #expect(try await store.users(withIDs: ["ada"]).map(\.name) == ["Ada"])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `revoking one user's tokens leaves everyone else's`(_ kind: StoreUnderTest) async throws {
        try await kind.withStore { store async throws in
            let authenticator = try await authenticator(store)
            let (ada, bob) = try await (token(for: "ada"), token(for: "bob"))
            let ends = Ends()
            let watches = [
                authenticator.watch(try await authenticator.authenticate(ada), onVoid: ends.add),
                authenticator.watch(try await authenticator.authenticate(bob), onVoid: ends.add),
            ]
            try await store.revokeTokens(of: "ada")
            try await authenticator.refresh()
            #expect(ends.all == [.tokenInvalid(.revoked)])
            await #expect(throws: CredentialError.tokenInvalid(.revoked)) {
                try await authenticator.authenticate(ada)
            }
            _ = try await authenticator.authenticate(bob)
            try await store.revokeTokens(of: nil)
            try await authenticator.refresh()
            #expect(ends.all == [.tokenInvalid(.revoked), .tokenInvalid(.revoked)])
            await #expect(throws: CredentialError.tokenInvalid(.revoked)) {
                try await authenticator.authenticate(bob)
            }
            withExtendedLifetime(watches) {}
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `an authenticator that has just started rejects what was revoked before`(_ kind: StoreUnderTest)
        async throws
    {
        try await kind.withStore { store async throws in
            let token = try await token(for: "ada")
            let earlier = try await authenticator(store)
            let ticket = try await earlier.ticket(for: "/ws", with: try await earlier.authenticate(token))
            try await store.revokeTokens(of: nil)
            let authenticator = try await authenticator(store)
            await #expect(throws: CredentialError.tokenInvalid(.revoked)) {
                try await authenticator.authenticate(token)
            }
            let other = try await self.authenticator(store)
            await #expect(throws: CredentialError.tokenInvalid(.revoked)) {
                try await other.authenticate(ticket: ticket.text, for: "/ws")
            }
        }
    }

    @Test func `removing the key of a token voids the token, its tickets and what relies on them`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store async throws in
            let verifier = TokenVerifier()
            let keys = [try await TokenKey(secret: TestKeys.secret), try await TokenKey(secret: "\(TestKeys.secret)2")]
            verifier.replaceKeys(of: .secrets, with: keys)
            let authenticator = Authenticator(.required, verifier, store, store.signals)
            let token = try await authenticator.authenticate(self.token(for: "ada"))
            let text = try await authenticator.ticket(for: "/ws", with: token).text
            let ticket = try await authenticator.authenticate(ticket: text, for: "/ws")
            let ends = Ends()
            let watches = [token, ticket].map { authenticator.watch($0, onVoid: ends.add) }
            // The same keys, and one more that goes.
            verifier.replaceKeys(of: .file, with: keys)
            verifier.replaceKeys(of: .secrets, with: [])
            #expect(ends.all.isEmpty)
            verifier.replaceKeys(of: .file, with: [keys[1]])
            #expect(ends.all == [.tokenInvalid(.unknownKey), .tokenInvalid(.unknownKey)])
            await #expect(throws: CredentialError.tokenInvalid(.unknownKey)) {
                try await authenticator.authenticate(ticket: text, for: "/ws")
            }
            // This watch comes after the change that ends it.
            let late = authenticator.watch(token, onVoid: ends.add)
            #expect(ends.all.count == 3)
            withExtendedLifetime((watches, late)) {}
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a deactivated user has no access until reactivated`(_ kind: StoreUnderTest) async throws {
        try await kind.withStore { store async throws in
            let authenticator = try await authenticator(store)
            let old = try await token(for: "ada")
            _ = try await authenticator.authenticate(old)
            _ = try await store.putUser("ada", UserProfile(isDeactivated: true))
            try await authenticator.refresh()
            await #expect(throws: CredentialError.tokenInvalid(.userDeactivated)) {
                try await authenticator.authenticate(self.token(for: "ada"))
            }
            _ = try await store.putUser("ada", UserProfile())
            try await authenticator.refresh()
            await #expect(throws: CredentialError.tokenInvalid(.revoked)) {
                try await authenticator.authenticate(old)
            }
        }
    }

    // MARK: Races

    @Test func `a standing that was read before a revocation is not kept`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store async throws in
            let revocation = Mutex<Authenticator?>(nil)
            let intercepted = InterceptedStore(store) { read throws(StoreError) in
                guard case .standing = read, let authenticator = revocation.withLock({ $0.take() }) else { return }
                try await store.revokeTokens(of: "ada")
                try await authenticator.refresh()
            }
            let authenticator = try await authenticator(intercepted)
            revocation.withLock { $0 = authenticator }
            let token = try await token(for: "ada")
            let ends = Ends()
            let late = authenticator.watch(try await authenticator.authenticate(token), onVoid: ends.add)
            await #expect(throws: CredentialError.tokenInvalid(.revoked)) {
                try await authenticator.authenticate(token)
            }
            #expect(ends.all.isEmpty)
            // The watch came after the change that ends it.
            try await authenticator.refresh()
            #expect(ends.all == [.tokenInvalid(.revoked)])
            withExtendedLifetime(late) {}
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func `a change of access ends a watch without a poll`(_ kind: StoreUnderTest) async throws {
        try await kind.withStore { store async throws in
            let authenticator = try await authenticator(store)
            let (ends, end) = AsyncStream.makeStream(of: CredentialError.self)
            let credential = try await authenticator.authenticate(token(for: "ada"))
            let watch = authenticator.watch(credential) { end.yield($0) }
            let running = Task { await authenticator.run { Issue.record("\($0)") } }
            try await store.revokeTokens(of: "ada")
            #expect(await ends.first { _ in true } == .tokenInvalid(.revoked))
            running.cancel()
            await running.value
            withExtendedLifetime(watch) {}
        }
    }

    // MARK: Server keys

    @Test(arguments: StoreUnderTest.allCases)
    func `a key is known at once, and its revocation ends what relies on it`(_ kind: StoreUnderTest) async throws {
        try await kind.withStore { store async throws in
            let authenticator = try await authenticator(store)
            let key = try await store.addServerKey(.admin)
            let ends = Ends()
            let credential = try await authenticator.authenticate(key.text)
            #expect(credential.caller == Caller(author: nil, rights: .unrestricted))
            #expect(credential.logName == key.id)
            let watch = authenticator.watch(credential, onVoid: ends.add)
            try await authenticator.refresh()
            let use = try #require(try await store.serverKeys().first?.lastUsedAt)
            #expect(use.microsecondsSinceEpoch % 3_600_000_000 == 0)
            #expect(try await store.revokeServerKey(key.id))
            try await authenticator.refresh()
            #expect(ends.all == [.keyRevoked])
            await #expect(throws: CredentialError.keyRevoked) { try await authenticator.authenticate(key.text) }
            withExtendedLifetime(watch) {}
        }
    }

    @Test func `keys that are created one after another are known at once`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store async throws in
            let authenticator = try await authenticator(store)
            for _ in 1...3 {
                let key = try await store.addServerKey(.read)
                #expect(try await authenticator.authenticate(key.text).logName == key.id)
            }
        }
    }

    @Test func `requests with unknown keys share a lookup`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store async throws in
            let reads = Mutex(0)
            let counted = InterceptedStore(store) { _ throws(StoreError) in reads.withLock { $0 += 1 } }
            let authenticator = try await authenticator(counted)
            let start = ContinuousClock.now
            await withDiscardingTaskGroup { group in
                for _ in 1...100 {
                    group.addTask {
                        await #expect(throws: CredentialError.tokenInvalid(.unknownServerKey)) {
                            try await authenticator.authenticate(ServerKey().text)
                        }
                    }
                }
            }
            let seconds = Int(start.duration(to: .now).components.seconds)
            #expect((1...seconds + 2).contains(reads.withLock(\.self)))
        }
    }

    @Test func `a wrong secret is like an unknown key`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store async throws in
            let authenticator = try await authenticator(store)
            let key = try await store.addServerKey(.admin)
            for text in ["sk_\(key.id)_\(String(repeating: "x", count: 43))", ServerKey().text] {
                await #expect(throws: CredentialError.tokenInvalid(.unknownServerKey)) {
                    try await authenticator.authenticate(text)
                }
            }
            await #expect(throws: CredentialError.tokenInvalid(.malformed)) {
                try await authenticator.authenticate("sk_short")
            }
        }
    }

    @Test func `the environment's key needs no store`() async throws {
        let key = ServerKey()
        let store = InterceptedStore(failingWith: .unavailable(reason: "down"))
        let authenticator = try await authenticator(store, environmentKey: key)
        let credential = try await authenticator.authenticate(key.text)
        #expect(credential.caller == Caller(author: nil, rights: .unrestricted))
        await #expect(throws: StoreError.unavailable(reason: "down")) {
            try await authenticator.authenticate(ServerKey().text)
        }
    }

    @Test(arguments: [
        (ServerKeyScope.admin, true), (.post, true), (.read, false), (.bot("weather"), false),
    ])
    func `only keys for administrators and posting act as users`(_ scope: ServerKeyScope, _ may: Bool) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store async throws in
            let authenticator = try await authenticator(store)
            let key = try await store.addServerKey(scope).text
            if may {
                let caller = try await authenticator.authenticate(key, actingAs: "ada").caller
                #expect(caller == Caller(author: "ada", rights: .user(.user), isDelegated: true))
                #expect(try await store.users(withIDs: ["ada"]).count == 1)
                await #expect(throws: ActAsError.invalidUser) {
                    try await authenticator.authenticate(key, actingAs: "no user")
                }
                _ = try await store.putUser("bob", UserProfile(isDeactivated: true))
                await #expect(throws: ActAsError.userDeactivated) {
                    try await authenticator.authenticate(key, actingAs: "bob")
                }
            } else {
                await #expect(throws: ActAsError.notAllowed) {
                    try await authenticator.authenticate(key, actingAs: "ada")
                }
            }
            #expect(try await authenticator.authenticate(key).caller.author == scope.bot)
        }
    }

    @Test func `a token acts as nobody else`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store async throws in
            let authenticator = try await authenticator(store)
            await #expect(throws: ActAsError.notAllowed) {
                try await authenticator.authenticate(self.token(for: "ada"), actingAs: "bob")
            }
        }
    }

    // MARK: Keys

    @Test func `a token that names an unknown key is verified again with newer keys`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { store async throws in
            let verifier = TokenVerifier()
            let key = try await TokenKey(secret: TestKeys.secret)
            let fetches = Mutex(0)
            let authenticator = Authenticator(
                .required,
                verifier,
                store,
                store.signals,
                onUnknownKey: {
                    fetches.withLock { $0 += 1 }
                    verifier.replaceKeys(of: .url, with: [key])
                }
            )
            let token = try await token(for: "ada")
            for _ in 1...2 {
                #expect(try await authenticator.authenticate(token).caller.author == "ada")
            }
            #expect(fetches.withLock(\.self) == 1)
            let unsigned = HostileToken.unsigned(header: #"{"alg":"none"}"#)
            await #expect(throws: CredentialError.tokenInvalid(.unknownKey)) {
                try await authenticator.authenticate(unsigned)
            }
            #expect(fetches.withLock(\.self) == 2)
        }
    }
}
