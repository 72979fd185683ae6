import ChatDomain
import ChatIdentity
import ChatTestSupport
import Crypto
import FoundationEssentials
import JWTKit
import Testing

@Suite(.timeLimit(.minutes(1)))
struct TokenVerifierTests {
    private let clock = TestClock()

    private func verifier(
        _ rules: TokenRules = TokenRules(),
        secrets: [String] = [TestKeys.secret]
    ) async throws -> TokenVerifier {
        let verifier = TokenVerifier(rules) { [clock] in clock.now }
        verifier.replaceKeys(of: .secrets, with: try await keys(secrets))
        return verifier
    }

    private func keys(_ secrets: [String]) async throws -> [TokenKey] {
        var keys: [TokenKey] = []
        for secret in secrets {
            keys.append(try await TokenKey(secret: secret))
        }
        return keys
    }

    private func instant(_ offset: Int) -> Instant {
        clock.now.advanced(by: .seconds(offset))
    }

    // MARK: Claims

    @Test func `a valid token identifies the user`() async throws {
        let claims = TestClaims(
            exp: TestClock.start + 600,
            iat: TestClock.start - 10,
            chat: TestClaims.Chat(role: "guest", name: "Ada", grants: ["42": "member", "*": "reader"])
        )
        let token = try await verifier().verify(claims.signed())
        #expect(token.userID == "ada")
        #expect(token.role == .guest)
        #expect(token.name == "Ada")
        #expect(token.grants == Grants(everywhere: .reader, chats: [ChatID(rawValue: 42): .member]))
        #expect(token.issuedAt == instant(-10))
        #expect(token.expiresAt == instant(600))
        #expect(token.rights == .user(.guest, token.grants))
    }

    @Test func `only the subject and the expiration are required`() async throws {
        let token = try await verifier().verify(TestClaims().signed())
        #expect(token.userID == "ada")
        #expect(token.rights == .user(.user))
        #expect(token.name == nil)
        #expect(token.issuedAt == nil)
    }

    @Test func `unknown claims and header fields are ignored`() async throws {
        let token = HostileToken.signed(
            header: #"{"alg":"HS256","x":1e300,"y":[[]],"jku":"http://127.0.0.1/","jwk":{"kty":"oct","k":"AA"}}"#,
            claims: #"{"sub":"ada","exp":1000000600.5,"x":1e300,"jti":[null]}"#
        )
        let verified = try await verifier().verify(token)
        #expect(verified.expiresAt == instant(600).advanced(by: .milliseconds(500)))
    }

    @Test(arguments: [
        (TestClaims(exp: nil), CredentialError.tokenInvalid(.missingExpiration)),
        (TestClaims(exp: TestClock.start - 30), .tokenExpired),
        (TestClaims(exp: TestClock.start + 86_431), .tokenInvalid(.expirationTooLate)),
        (TestClaims(iat: TestClock.start + 31), .tokenInvalid(.notYetValid)),
        (TestClaims(nbf: TestClock.start + 31), .tokenInvalid(.notYetValid)),
        (TestClaims(sub: nil), .tokenInvalid(.invalidSubject)),
        (TestClaims(sub: ""), .tokenInvalid(.invalidSubject)),
        (TestClaims(sub: "a\u{0}"), .tokenInvalid(.invalidSubject)),
        (TestClaims(sub: String(repeating: "a", count: 129)), .tokenInvalid(.invalidSubject)),
        (TestClaims(chat: TestClaims.Chat(role: "owner")), .tokenInvalid(.invalidChatClaim)),
        (TestClaims(chat: TestClaims.Chat(grants: ["42": "admin"])), .tokenInvalid(.invalidChatClaim)),
        (TestClaims(chat: TestClaims.Chat(grants: ["general": "member"])), .tokenInvalid(.invalidChatClaim)),
    ])
    func `a token with an unacceptable claim is rejected`(_ claims: TestClaims, _ error: CredentialError) async throws {
        let verifier = try await verifier()
        let token = try await claims.signed()
        await #expect(throws: error) { try await verifier.verify(token) }
    }

    @Test(arguments: [
        "", "null", "[]", #"{"sub":"ada","exp":1000000600"#, #"{"sub":42,"exp":1000000600}"#,
        #"{"sub":"ada","exp":"1000000600"}"#, #"{"sub":"ada","exp":1e400}"#,
        #"{"sub":"ada","exp":1000000600,"aud":7}"#, #"{"sub":"ada","exp":1000000600,"chat":"admin"}"#,
        #"{"sub":"ada","exp":1000000600,"x":"# + String(repeating: "[", count: 4_000),
    ])
    func `a token with claims that cannot be read is rejected`(_ claims: String) async throws {
        let token = HostileToken.signed(claims: claims)
        let verifier = try await verifier()
        await #expect(throws: CredentialError.tokenInvalid(.invalidClaim)) { try await verifier.verify(token) }
    }

    @Test(arguments: [
        TestClaims(exp: TestClock.start - 29),
        TestClaims(exp: TestClock.start + 86_430),
        TestClaims(iat: TestClock.start + 30),
        TestClaims(nbf: TestClock.start + 30),
        TestClaims(sub: String(repeating: "a", count: 128)),
    ])
    func `a token within the limits and the leeway is accepted`(_ claims: TestClaims) async throws {
        let token = try await verifier().verify(claims.signed())
        #expect(token.userID == claims.sub.flatMap { UserID($0) })
    }

    @Test func `a shorter maximum age applies`() async throws {
        var rules = TokenRules()
        rules.maximumAge = .seconds(60)
        let verifier = try await verifier(rules)
        let token = try await TestClaims(exp: TestClock.start + 91).signed()
        await #expect(throws: CredentialError.tokenInvalid(.expirationTooLate)) { try await verifier.verify(token) }
        _ = try await verifier.verify(TestClaims(exp: TestClock.start + 90).signed())
    }

    @Test func `issuer and audience are checked when configured`() async throws {
        let verifier = try await verifier(TokenRules(issuer: "https://example.com", audience: "chat"))
        for aud in [["chat"], ["shop", "chat"]] {
            _ = try await verifier.verify(TestClaims(iss: "https://example.com", aud: aud).signed())
        }
        for iss in [nil, "", "https://example.com/", "https://example.org"] as [String?] {
            let token = try await TestClaims(iss: iss, aud: ["chat"]).signed()
            await #expect(throws: CredentialError.tokenInvalid(.wrongIssuer)) { try await verifier.verify(token) }
        }
        for aud in [nil, [], ["shop"], ["Chat"]] as [[String]?] {
            let token = try await TestClaims(iss: "https://example.com", aud: aud).signed()
            await #expect(throws: CredentialError.tokenInvalid(.wrongAudience)) { try await verifier.verify(token) }
        }
        let single = HostileToken.signed(
            claims: #"{"sub":"ada","exp":1000000600,"iss":"https://example.com","aud":"chat"}"#
        )
        _ = try await verifier.verify(single)
    }

    @Test func `issuer and audience are ignored unless configured`() async throws {
        let verifier = try await verifier()
        _ = try await verifier.verify(TestClaims(iss: "anyone", aud: []).signed())
    }

    // MARK: Hostile tokens

    @Test(arguments: ["none", "None", "NONE", "", "HS512", "RS256", "HS256 "])
    func `the header cannot choose another algorithm`(_ algorithm: String) async throws {
        let verifier = try await verifier()
        let header = #"{"alg":"\#(algorithm)","typ":"JWT"}"#
        for token in [HostileToken.unsigned(header: header), HostileToken.signed(header: header)] {
            await #expect(throws: CredentialError.tokenInvalid(.unknownKey)) { try await verifier.verify(token) }
        }
    }

    @Test func `a public RSA key does not serve as a shared secret`() async throws {
        let key = try TestKeys.rsa()
        let set = try await JSONWebKeySet(TestKeys.set([TestKeys.jwk(rsa: key, ["kid": "a"])]))
        let verifier = TokenVerifier { [clock] in clock.now }
        verifier.replaceKeys(of: .file, with: set.keys)
        let secrets = [
            Data(key.publicKey.pemRepresentation.utf8), key.publicKey.derRepresentation,
            try key.publicKey.getKeyPrimitives().modulus,
        ]
        let withSecret = try await self.verifier()
        withSecret.replaceKeys(of: .file, with: set.keys)
        for secret in secrets {
            let asHMAC = HostileToken.signed(header: #"{"alg":"HS256","kid":"a"}"#, with: secret)
            await #expect(throws: CredentialError.tokenInvalid(.unknownKey)) { try await verifier.verify(asHMAC) }
            await #expect(throws: CredentialError.tokenInvalid(.wrongSignature)) { try await withSecret.verify(asHMAC) }
            let asRSA = HostileToken.signed(header: #"{"alg":"RS256","kid":"a"}"#, with: secret)
            await #expect(throws: CredentialError.tokenInvalid(.wrongSignature)) { try await verifier.verify(asRSA) }
        }
    }

    @Test(arguments: [
        "", ".", "..", "...", "a", "a.b", "a.b.c", "é.é.é", "eyJhbGciOiJIUzI1NiJ9",
        " eyJhbGciOiJIUzI1NiJ9..", "e30..", "bnVsbA..", "W10..", "Int7..", "sk_a_b",
        // The header of a token that is encrypted, and one with an extension that must be understood.
        HostileToken.unsigned(header: #"{"enc":"A256GCM"}"#),
        HostileToken.signed(header: #"{"alg":"HS256","crit":["b64"],"b64":false}"#),
        HostileToken.signed(header: #"{"alg":256}"#),
        HostileToken.signed(header: #"{"alg":"HS256","kid":1}"#),
        HostileToken.signed(header: #"{"alg":"HS256"#),
        HostileToken.signed(header: String(repeating: "[", count: 4_000)),
    ])
    func `a malformed token is rejected`(_ token: String) async throws {
        let verifier = try await verifier()
        await #expect(throws: CredentialError.tokenInvalid(.malformed)) { try await verifier.verify(token) }
    }

    @Test func `a signature that is not exactly right is rejected`() async throws {
        let verifier = try await verifier()
        let token = HostileToken.signed()
        let input = token.prefix(through: try #require(token.lastIndex(of: ".")))
        for signature in ["", "AA", "****", String(token.suffix(43).dropLast(2)), String(token.suffix(43).reversed())] {
            await #expect(throws: CredentialError.tokenInvalid(.wrongSignature)) {
                try await verifier.verify(input + signature)
            }
        }
        await #expect(throws: CredentialError.self) { try await verifier.verify(token + ".") }
        await #expect(throws: CredentialError.self) { try await verifier.verify(token + ".AA") }
    }

    @Test(arguments: ["-1e300", "-1", "0"])
    func `any time in the past has passed`(_ time: String) async throws {
        let verifier = try await verifier()
        let token = HostileToken.signed(claims: #"{"sub":"ada","exp":\#(time)}"#)
        await #expect(throws: CredentialError.tokenExpired) { try await verifier.verify(token) }
    }

    @Test(arguments: ["1e300", "9223372036854775807", "1000000000000000"])
    func `any time in the future is too far away`(_ time: String) async throws {
        let verifier = try await verifier()
        let token = HostileToken.signed(claims: #"{"sub":"ada","exp":\#(time)}"#)
        await #expect(throws: CredentialError.tokenInvalid(.expirationTooLate)) { try await verifier.verify(token) }
    }

    @Test func `a token that is too long is rejected`() async throws {
        let verifier = try await verifier()
        let claims = #"{"sub":"ada","exp":1000000600,"x":"\#(String(repeating: "x", count: 75_000))"}"#
        let token = HostileToken.signed(claims: claims)
        #expect(token.utf8.count > 100_000)
        await #expect(throws: CredentialError.tokenInvalid(.tooLong)) { try await verifier.verify(token) }
        var rules = TokenRules()
        rules.maximumLength = token.utf8.count
        _ = try await self.verifier(rules).verify(token)
        rules.maximumLength -= 1
        let strict = try await self.verifier(rules)
        await #expect(throws: CredentialError.tokenInvalid(.tooLong)) { try await strict.verify(token) }
    }

    @Test func `an error contains no part of the token`() async throws {
        let verifier = try await verifier()
        let tokens = [
            HostileToken.signed(claims: #"{"sub":42,"exp":1000000600}"#),
            HostileToken.signed(with: Data(TestKeys.otherSecret.utf8)),
            HostileToken.signed(header: #"{"alg":"none"}"#),
            HostileToken.signed(claims: #"{"sub":"","exp":1000000600}"#),
        ]
        for token in tokens {
            let error = try #require(await #expect(throws: CredentialError.self) { try await verifier.verify(token) })
            let text = "\(error) \(String(reflecting: error)) \(error.code) \(error.reason)"
            for part in token.split(separator: ".") {
                #expect(!text.contains(part.prefix(8)))
            }
        }
    }

    // MARK: Keys

    @Test func `tokens of the old and the new secret are valid during a rotation`() async throws {
        let verifier = try await verifier(secrets: [TestKeys.otherSecret, TestKeys.secret])
        let old = try await TestClaims().signed()
        let new = try await TestClaims().signed(with: TestKeys.otherSecret, kid: "2026")
        _ = try await verifier.verify(old)
        _ = try await verifier.verify(new)
        verifier.replaceKeys(of: .secrets, with: try await keys([TestKeys.otherSecret]))
        _ = try await verifier.verify(new)
        await #expect(throws: CredentialError.tokenInvalid(.wrongSignature)) { try await verifier.verify(old) }
    }

    @Test func `the key identifier selects among the keys of a set`() async throws {
        let verifier = TokenVerifier { [clock] in clock.now }
        let set = [
            TestKeys.jwk(secret: Data(TestKeys.secret.utf8), ["kid": "a"]),
            TestKeys.jwk(secret: Data(TestKeys.otherSecret.utf8), ["kid": "b"]),
        ]
        verifier.replaceKeys(of: .url, with: try await JSONWebKeySet(TestKeys.set(set)).keys)
        _ = try await verifier.verify(TestClaims().signed(kid: "a"))
        _ = try await verifier.verify(TestClaims().signed(with: TestKeys.otherSecret, kid: "b"))
        _ = try await verifier.verify(TestClaims().signed(with: TestKeys.otherSecret))
        let wrong = try await TestClaims().signed(kid: "b")
        await #expect(throws: CredentialError.tokenInvalid(.wrongSignature)) { try await verifier.verify(wrong) }
        let unknown = try await TestClaims().signed(kid: "c")
        await #expect(throws: CredentialError.tokenInvalid(.unknownKey)) { try await verifier.verify(unknown) }
    }

    @Test func `a source replaces only its own keys`() async throws {
        let verifier = try await verifier()
        #expect(verifier.hasKeys)
        verifier.replaceKeys(of: .url, with: try await keys([TestKeys.otherSecret]))
        verifier.replaceKeys(of: .url, with: [])
        _ = try await verifier.verify(TestClaims().signed())
        verifier.replaceKeys(of: .secrets, with: [])
        #expect(!verifier.hasKeys)
        let token = try await TestClaims().signed()
        await #expect(throws: CredentialError.tokenInvalid(.unknownKey)) { try await verifier.verify(token) }
    }

    @Test func `a short secret is rejected`() async throws {
        await #expect(throws: TokenKeyError.shortSecret) {
            try await TokenKey(secret: String(repeating: "s", count: 31))
        }
        _ = try await TokenKey(secret: String(repeating: "s", count: 32))
    }

    // MARK: Signing

    @Test func `a token that the service signs is valid`() async throws {
        let rules = TokenRules(issuer: "https://example.com", audience: "chat")
        let signer = try await TokenSigner(secret: TestKeys.secret, rules)
        let grants = Grants(everywhere: .reader, chats: [ChatID(rawValue: 42): .member])
        let token = try await signer.token(
            for: "ada",
            role: .guest,
            name: "Ada",
            grants: grants,
            lifetime: .seconds(3_600),
            at: clock.now
        )
        let verified = try await verifier(rules).verify(token)
        #expect(verified.userID == "ada")
        #expect(verified.rights == .user(.guest, grants))
        #expect(verified.name == "Ada")
        #expect(verified.issuedAt == clock.now)
        #expect(verified.expiresAt == instant(3_600))
    }

    @Test func `a signed token names the exact instant at which it was issued`() async throws {
        let signer = try await TokenSigner(secret: TestKeys.secret)
        let verifier = TokenVerifier()
        verifier.replaceKeys(of: .secrets, with: try await keys([TestKeys.secret]))
        let now = Instant.now()
        for offset in 0..<200 {
            let issuedAt = now.advanced(by: .microseconds(offset - 200))
            let token = try await signer.token(for: "ada", lifetime: .seconds(60), at: issuedAt)
            let verified = try await verifier.verify(token)
            #expect(verified.issuedAt == issuedAt)
            #expect(verified.expiresAt == issuedAt.advanced(by: .seconds(60)))
        }
    }

    @Test func `a token that the service signs is valid for the maximum age at most`() async throws {
        let signer = try await TokenSigner(secret: TestKeys.secret)
        let token = try await signer.token(for: "ada", lifetime: .seconds(1_000_000), at: clock.now)
        #expect(try await verifier().verify(token).expiresAt == instant(86_400))
    }

    @Test func `a log names a token by the end of its hash`() {
        // echo -n abc | sha256sum
        #expect(TokenHash("abc").suffix == "15ad")
    }
}
