import ChatDomain
import Crypto
import FoundationEssentials
import JWTKit
import Synchronization

/// A clock that moves only when it is told to.
final class TestClock: Sendable {
    /// The time at the start, in seconds since 1970.
    static let start = 1_000_000_000

    private let seconds = Mutex(start)

    var now: Instant {
        Instant(microsecondsSinceEpoch: Int64(seconds.withLock(\.self)) * 1_000_000)
    }

    func advance(by offset: Int) {
        seconds.withLock { $0 += offset }
    }
}

/// The claims of a test's token, signed by jwt-kit.
struct TestClaims: JWTPayload {
    struct Chat: Codable {
        var role: String?
        var name: String?
        var grants: [String: String]?
    }

    var sub: String? = "ada"
    var exp: Int? = TestClock.start + 600
    var iat: Int?
    var nbf: Int?
    var iss: String?
    var aud: [String]?
    var chat: Chat?

    func verify(using algorithm: some JWTAlgorithm) {}

    func signed(with secret: String = TestKeys.secret, kid: String? = nil) async throws -> String {
        let keys = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256)
        return try await signed(by: keys, kid: kid)
    }

    /// - Parameter keys: Contains one key.
    func signed(by keys: JWTKeyCollection, kid: String? = nil) async throws -> String {
        var header = JWTHeader()
        if let kid { header.kid = kid }
        return try await keys.sign(self, header: header)
    }
}

/// Tokens that no library signs.
enum HostileToken {
    static let header = #"{"alg":"HS256","typ":"JWT"}"#
    static let claims = #"{"sub":"ada","exp":\#(TestClock.start + 600)}"#

    /// Signs any header and any claims with HMAC-SHA256.
    static func signed(
        header: String = header,
        claims: String = claims,
        with secret: some DataProtocol = Data(TestKeys.secret.utf8)
    ) -> String {
        let input = "\(Data(header.utf8).base64URL).\(Data(claims.utf8).base64URL)"
        let code = HMAC<SHA256>.authenticationCode(for: Data(input.utf8), using: SymmetricKey(data: Data(secret)))
        return "\(input).\(Data(code).base64URL)"
    }

    /// Joins parts that are encoded here, except for the signature.
    static func unsigned(header: String, claims: String = claims, signature: String = "") -> String {
        "\(Data(header.utf8).base64URL).\(Data(claims.utf8).base64URL).\(signature)"
    }
}
