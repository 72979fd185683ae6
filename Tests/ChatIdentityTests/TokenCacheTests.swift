import ChatDomain
import ChatIdentity
import ChatTestSupport
import Testing

/// What an authenticator keeps of tokens that it has verified.
@Suite(.timeLimit(.minutes(1)))
struct TokenCacheTests {
    private let clock = TestClock()

    private func withAuthenticator(
        maximumCacheBytes: Int = 1_000_000,
        _ body: @Sendable (Authenticator, TokenVerifier) async throws -> Void
    ) async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { [clock] store in
            let verifier = TokenVerifier { clock.now }
            verifier.replaceKeys(of: .secrets, with: [try await TokenKey(secret: TestKeys.secret)])
            let authenticator = Authenticator(
                .required,
                verifier,
                store,
                store.signals,
                maximumCacheBytes: maximumCacheBytes,
                now: { clock.now }
            )
            try await body(authenticator, verifier)
        }
    }

    @Test func `a valid token is cached until it expires`() async throws {
        try await withAuthenticator { [clock] authenticator, _ in
            let token = try await TestClaims(nbf: TestClock.start).signed()
            let first = try await authenticator.authenticate(token)
            #expect(authenticator.cachedTokenCount == 1)
            // Only a cached token is not checked against its `nbf` again.
            clock.advance(by: -60)
            #expect(try await authenticator.authenticate(token) === first)
            clock.advance(by: 60 + 600)
            #expect(try await authenticator.authenticate(token).expiresAt == first.expiresAt)
            clock.advance(by: 30)
            await #expect(throws: CredentialError.tokenExpired) { try await authenticator.authenticate(token) }
        }
    }

    @Test func `an expired token is not cached within the leeway`() async throws {
        try await withAuthenticator { authenticator, _ in
            _ = try await authenticator.authenticate(TestClaims(exp: TestClock.start).signed())
            #expect(authenticator.cachedTokenCount == 0)
        }
    }

    @Test func `a rejected token is not cached`() async throws {
        try await withAuthenticator { authenticator, _ in
            let token = try await TestClaims(exp: TestClock.start - 30).signed()
            await #expect(throws: CredentialError.tokenExpired) { try await authenticator.authenticate(token) }
            #expect(authenticator.cachedTokenCount == 0)
        }
    }

    @Test func `a cached token ends with the key that signed it`() async throws {
        try await withAuthenticator { authenticator, verifier in
            let token = try await TestClaims().signed()
            _ = try await authenticator.authenticate(token)
            verifier.replaceKeys(of: .secrets, with: [try await TokenKey(secret: TestKeys.otherSecret)])
            await #expect(throws: CredentialError.tokenInvalid(.wrongSignature)) {
                try await authenticator.authenticate(token)
            }
        }
    }

    @Test func `after a change of access, a cached token is checked without its signature`() async throws {
        try await StoreUnderTest.sqliteInMemory.withStore { [clock] store in
            let verifier = TokenVerifier { clock.now }
            verifier.replaceKeys(of: .secrets, with: [try await TokenKey(secret: TestKeys.secret)])
            let authenticator = Authenticator(.required, verifier, store, store.signals, now: { clock.now })
            let token = try await TestClaims(nbf: TestClock.start).signed()
            let first = try await authenticator.authenticate(token)
            _ = try await store.putUser("bob", UserProfile(isDeactivated: true))
            try await authenticator.refresh()
            // Its claims are not checked again, either.
            clock.advance(by: -60)
            let second = try await authenticator.authenticate(token)
            #expect(second !== first)
            #expect(try await authenticator.authenticate(token) === second)
        }
    }

    @Test func `the cache is bounded by its memory`() async throws {
        try await withAuthenticator(maximumCacheBytes: 20_000) { authenticator, _ in
            for number in 1...100 {
                let token = HostileToken.signed(claims: #"{"sub":"\#(number)","exp":1000000600}"#)
                _ = try await authenticator.authenticate(token)
                #expect(authenticator.cachedTokenCount < 20)
            }
            #expect(authenticator.cachedTokenCount > 0)
        }
    }

    @Test func `a cache of no size caches nothing`() async throws {
        try await withAuthenticator(maximumCacheBytes: 0) { authenticator, _ in
            _ = try await authenticator.authenticate(TestClaims().signed())
            #expect(authenticator.cachedTokenCount == 0)
        }
    }
}
