package import FoundationEssentials
import JWTKit

/// The keys of a JWK set (RFC 7517) that verify tokens.
package struct JSONWebKeySet: Sendable {
    /// In the order of the set, without keys for encryption.
    package let keys: [TokenKey]
    /// Why the other keys cannot be used.
    ///
    /// In a file this is an error. In an identity provider's set, such keys are skipped (RFC 7517, 5).
    package let unusableKeys: [TokenKeyError]

    /// - Throws: `TokenKeyError.notAKeySet`, or `emptyKeySet` if the set has no keys for signatures at all.
    package init(_ json: Data) async throws(TokenKeyError) {
        guard let set = try? JSONDecoder().decode(Members.self, from: json) else { throw .notAKeySet }
        var keys: [TokenKey] = []
        var unusableKeys: [TokenKeyError] = []
        for (index, member) in set.keys.enumerated() {
            do throws(JSONWebKeyFlaw) {
                guard let jwk = member.key else { throw .malformed }
                if jwk.use == "enc" { continue }
                keys.append(try await jwk.tokenKey())
            } catch {
                unusableKeys.append(.unusableKey(index: index, error))
            }
        }
        guard !keys.isEmpty || !unusableKeys.isEmpty else { throw .emptyKeySet }
        self.keys = keys
        self.unusableKeys = unusableKeys
    }

    private struct Members: Decodable {
        let keys: [Member]
    }

    /// A key that may be unreadable; in jwt-kit's `JWKS`, one unreadable key makes the whole set unreadable.
    private struct Member: Decodable {
        let key: JSONWebKey?

        init(from decoder: any Decoder) {
            key = try? JSONWebKey(from: decoder)
        }
    }
}

/// A key in JSON, without its private parameters.
///
/// jwt-kit's `JWK` has no shared secrets (`oct`), and lets a token choose the algorithm of a key that has no `alg`.
private struct JSONWebKey: Decodable {
    let kty: String
    let alg: String?
    let kid: String?
    let use: String?
    let crv: String?
    let k: String?
    let n: String?
    let e: String?
    let x: String?
    let y: String?

    private static let identifier = JWKIdentifier(string: "")

    func tokenKey() async throws(JSONWebKeyFlaw) -> TokenKey {
        switch kty {
        case "oct": return try await sharedSecret()
        case "RSA": return try await verifying(rsa())
        case "EC": return try await verifying(ellipticCurve())
        case "OKP": return try await verifying(edwardsCurve())
        default: throw .unsupportedType
        }
    }

    private func sharedSecret() async throws(JSONWebKeyFlaw) -> TokenKey {
        let algorithms: [String: (DigestAlgorithm, minimumLength: Int)] = [
            "HS256": (.sha256, 32), "HS384": (.sha384, 48), "HS512": (.sha512, 64),
        ]
        let name = alg ?? "HS256"
        guard let (digest, minimumLength) = algorithms[name] else { throw .unsupportedAlgorithm }
        guard let secret = k.flatMap({ Data(base64URLEncoded: $0) }) else { throw .malformed }
        guard secret.count >= minimumLength else { throw .tooShort }
        return await TokenKey(name: kid, secret: secret, digest, name)
    }

    private func rsa() throws(JSONWebKeyFlaw) -> JWK {
        let algorithms: [JWK.Algorithm] = [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512]
        // Some identity providers omit `alg` and mean RS256.
        guard let algorithm = JWK.Algorithm(rawValue: alg ?? "RS256"), algorithms.contains(algorithm)
        else { throw .unsupportedAlgorithm }
        guard let modulus = n.flatMap({ Data(base64URLEncoded: $0) }) else { throw .malformed }
        guard modulus.drop(while: { $0 == 0 }).count >= 256 else { throw .tooShort }
        return .rsa(algorithm, identifier: Self.identifier, modulus: n, exponent: e)
    }

    private func ellipticCurve() throws(JSONWebKeyFlaw) -> JWK {
        let algorithm: JWK.Algorithm
        switch crv {
        case "P-256": algorithm = .es256
        case "P-384": algorithm = .es384
        case "P-521": algorithm = .es512
        default: throw .unsupportedType
        }
        guard alg == nil || alg == algorithm.rawValue else { throw .unsupportedAlgorithm }
        return .ecdsa(
            algorithm,
            identifier: Self.identifier,
            x: x,
            y: y,
            curve: crv.flatMap(ECDSACurve.init(rawValue:))
        )
    }

    private func edwardsCurve() throws(JSONWebKeyFlaw) -> JWK {
        guard crv == "Ed25519" else { throw .unsupportedType }
        guard alg == nil || alg == "EdDSA" else { throw .unsupportedAlgorithm }
        return .octetKeyPair(.eddsa, identifier: Self.identifier, x: x, y: nil, curve: .ed25519)
    }

    private func verifying(_ jwk: JWK) async throws(JSONWebKeyFlaw) -> TokenKey {
        guard let name = jwk.algorithm?.rawValue, let key = try? await TokenKey(name: kid, jwk: jwk, name)
        else { throw .malformed }
        return key
    }
}
