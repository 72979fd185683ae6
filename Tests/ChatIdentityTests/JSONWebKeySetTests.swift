import ChatDomain
import ChatIdentity
import Crypto
import FoundationEssentials
import JWTKit
import Testing

@Suite(.timeLimit(.minutes(1)))
struct JSONWebKeySetTests {
    private let clock = TestClock()

    private func verifier(_ keys: [[String: String]]) async throws -> TokenVerifier {
        let set = try await JSONWebKeySet(TestKeys.set(keys))
        #expect(set.unusableKeys.isEmpty)
        let verifier = TokenVerifier { [clock] in clock.now }
        verifier.replaceKeys(of: .file, with: set.keys)
        return verifier
    }

    private func expectValid(_ signer: JWTKeyCollection, _ jwk: [String: String]) async throws {
        let verifier = try await verifier([jwk])
        let token = try await TestClaims().signed(by: signer, kid: jwk["kid"])
        #expect(try await verifier.verify(token).userID.value == "ada")
        let changed = token.replacing(".eyJ", with: ".eyI", maxReplacements: 1)
        await #expect(throws: CredentialError.tokenInvalid(.wrongSignature)) { try await verifier.verify(changed) }
    }

    @Test(arguments: ["HS256", "HS384", "HS512"])
    func `a shared secret verifies`(_ algorithm: String) async throws {
        let secret = Data(repeating: 7, count: 64)
        let digests: [String: DigestAlgorithm] = ["HS256": .sha256, "HS384": .sha384, "HS512": .sha512]
        let digest = try #require(digests[algorithm])
        let signer = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: digest)
        try await expectValid(signer, TestKeys.jwk(secret: secret, ["alg": algorithm, "kid": "a"]))
    }

    @Test func `RSA keys verify, by default RS256`() async throws {
        let key = try TestKeys.rsa()
        let plain = await JWTKeyCollection().add(rsa: key, digestAlgorithm: .sha256)
        try await expectValid(plain, TestKeys.jwk(rsa: key, ["kid": "a"]))
        try await expectValid(plain, TestKeys.jwk(rsa: key, ["alg": "RS256", "use": "sig"]))
        let long = await JWTKeyCollection().add(rsa: key, digestAlgorithm: .sha512)
        try await expectValid(long, TestKeys.jwk(rsa: key, ["alg": "RS512"]))
        let pss = await JWTKeyCollection().add(pss: key, digestAlgorithm: .sha256)
        try await expectValid(pss, TestKeys.jwk(rsa: key, ["alg": "PS256"]))
    }

    @Test func `a key verifies its own algorithm only`() async throws {
        let key = try TestKeys.rsa()
        let verifier = try await verifier([TestKeys.jwk(rsa: key, ["kid": "a"])])
        let pss = await JWTKeyCollection().add(pss: key, digestAlgorithm: .sha256)
        let long = await JWTKeyCollection().add(rsa: key, digestAlgorithm: .sha512)
        for signer in [pss, long] {
            let token = try await TestClaims().signed(by: signer, kid: "a")
            await #expect(throws: CredentialError.tokenInvalid(.unknownKey)) { try await verifier.verify(token) }
        }
    }

    @Test func `elliptic curve keys verify`() async throws {
        let p256 = P256.Signing.PrivateKey()
        try await expectValid(
            JWTKeyCollection().add(ecdsa: ES256PrivateKey(backing: p256)),
            TestKeys.jwk(curve: "P-256", point: p256.publicKey.rawRepresentation, ["kid": "a"])
        )
        let p384 = P384.Signing.PrivateKey()
        try await expectValid(
            JWTKeyCollection().add(ecdsa: ES384PrivateKey(backing: p384)),
            TestKeys.jwk(curve: "P-384", point: p384.publicKey.rawRepresentation, ["alg": "ES384"])
        )
        let p521 = P521.Signing.PrivateKey()
        try await expectValid(
            JWTKeyCollection().add(ecdsa: ES512PrivateKey(backing: p521)),
            TestKeys.jwk(curve: "P-521", point: p521.publicKey.rawRepresentation)
        )
    }

    @Test func `Ed25519 keys verify`() async throws {
        let key = Curve25519.Signing.PrivateKey()
        let signer = await JWTKeyCollection().add(eddsa: EdDSA.PrivateKey(backing: key))
        try await expectValid(signer, TestKeys.jwk(ed25519: key.publicKey, ["kid": "a", "alg": "EdDSA"]))
        try await expectValid(signer, TestKeys.jwk(ed25519: key.publicKey))
    }

    @Test func `the private half of a key is not needed`() async throws {
        let key = Curve25519.Signing.PrivateKey()
        let signer = await JWTKeyCollection().add(eddsa: EdDSA.PrivateKey(backing: key))
        try await expectValid(signer, TestKeys.jwk(ed25519: key.publicKey, ["d": "never read"]))
    }

    @Test func `another key of the same kind does not verify`() async throws {
        let verifier = try await verifier([
            TestKeys.jwk(ed25519: Curve25519.Signing.PrivateKey().publicKey),
            TestKeys.jwk(curve: "P-256", point: P256.Signing.PrivateKey().publicKey.rawRepresentation),
        ])
        let eddsa = await JWTKeyCollection().add(eddsa: EdDSA.PrivateKey(backing: Curve25519.Signing.PrivateKey()))
        let ecdsa = await JWTKeyCollection().add(ecdsa: ES256PrivateKey())
        for signer in [eddsa, ecdsa] {
            let token = try await TestClaims().signed(by: signer)
            await #expect(throws: CredentialError.tokenInvalid(.wrongSignature)) { try await verifier.verify(token) }
        }
    }

    @Test(arguments: [
        (["kty": "RSA", "n": TestKeys.shortModulus, "e": "AQAB"], JSONWebKeyFlaw.tooShort),
        (["kty": "RSA", "n": "AAAA", "e": "AQAB"], .tooShort),
        (["kty": "RSA", "e": "AQAB"], .malformed),
        (["kty": "RSA", "n": "****", "e": "AQAB"], .malformed),
        (["kty": "RSA", "alg": "RSA-OAEP", "n": "AAAA", "e": "AQAB"], .unsupportedAlgorithm),
        (["kty": "RSA", "alg": "HS256", "n": "AAAA", "e": "AQAB"], .unsupportedAlgorithm),
        (["kty": "RSA", "alg": "none", "n": "AAAA", "e": "AQAB"], .unsupportedAlgorithm),
        (["kty": "oct", "k": "c2hvcnQ"], .tooShort),
        (["kty": "oct", "alg": "HS512", "k": String(repeating: "A", count: 64)], .tooShort),
        (["kty": "oct", "alg": "RS256", "k": String(repeating: "A", count: 64)], .unsupportedAlgorithm),
        (["kty": "oct", "k": "not base64!"], .malformed),
        (["kty": "oct"], .malformed),
        (["kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"], .malformed),
        (["kty": "EC", "crv": "P-256"], .malformed),
        (["kty": "EC", "crv": "secp256k1", "x": "AAAA", "y": "AAAA"], .unsupportedType),
        (["kty": "EC", "crv": "P-256", "alg": "ES384", "x": "AAAA", "y": "AAAA"], .unsupportedAlgorithm),
        (["kty": "OKP", "crv": "X25519", "x": "AAAA"], .unsupportedType),
        (["kty": "OKP", "crv": "Ed25519", "x": "AAAA"], .malformed),
        (["kty": "AKP", "alg": "ML-DSA-65"], .unsupportedType),
        (["alg": "HS256", "k": "AAAA"], .malformed),
    ])
    func `an unusable key is reported with its place in the set`(
        _ jwk: [String: String],
        _ flaw: JSONWebKeyFlaw
    ) async throws {
        let good = TestKeys.jwk(secret: Data(TestKeys.secret.utf8))
        let set = try await JSONWebKeySet(TestKeys.set([good, jwk, good]))
        #expect(set.keys.count == 2)
        #expect(set.unusableKeys == [.unusableKey(index: 1, flaw)])
        let description = try #require(set.unusableKeys.first).description
        #expect(description.hasPrefix("key 2 of the JWK set "))
        for value in ["k", "n", "x"].compactMap({ jwk[$0] }) {
            #expect(!description.contains(value))
        }
    }

    @Test func `a key that is not an object is reported`() async throws {
        let set = try await JSONWebKeySet(Data(#"{"keys":[7,{"kty":"oct","k":7}]}"#.utf8))
        #expect(set.keys.isEmpty)
        #expect(set.unusableKeys == [.unusableKey(index: 0, .malformed), .unusableKey(index: 1, .malformed)])
    }

    @Test func `keys for encryption are left out`() async throws {
        let signing = TestKeys.jwk(secret: Data(TestKeys.secret.utf8))
        let encryption = ["kty": "RSA", "use": "enc", "alg": "RSA-OAEP", "n": "AAAA", "e": "AQAB"]
        let set = try await JSONWebKeySet(TestKeys.set([encryption, signing]))
        #expect(set.keys.count == 1)
        #expect(set.unusableKeys.isEmpty)
        await #expect(throws: TokenKeyError.emptyKeySet) { try await JSONWebKeySet(TestKeys.set([encryption])) }
    }

    @Test(arguments: ["", "null", "[]", "{}", #"{"keys":{}}"#, #"{"keys":null}"#, #"{"keys":["#, #"{"kty":"oct"}"#])
    func `something other than a set is rejected`(_ json: String) async throws {
        await #expect(throws: TokenKeyError.notAKeySet) { try await JSONWebKeySet(Data(json.utf8)) }
    }

    @Test func `an empty set is rejected`() async throws {
        await #expect(throws: TokenKeyError.emptyKeySet) { try await JSONWebKeySet(Data(#"{"keys":[]}"#.utf8)) }
    }
}
