import FoundationEssentials
import JWTKit

/// A key that verifies tokens with a fixed algorithm.
package struct TokenKey: Sendable {
    /// The shortest shared secret, in bytes: as long as the output of HS256 (RFC 7518, 3.2).
    package static let minimumSecretLength = 32

    /// The same for equal keys.
    let id: TokenKeyID
    /// The `kid` of the key's tokens; nil if any will do.
    package let name: String?
    /// The name of the algorithm, such as `RS256`.
    package let algorithm: String
    /// Contains only this key: a larger collection falls back on its first key for an unknown `kid`.
    private let key: JWTKeyCollection

    /// Makes a key for HS256 from a shared secret.
    ///
    /// - Throws: `TokenKeyError.shortSecret`.
    package init(secret: String) async throws(TokenKeyError) {
        guard secret.utf8.count >= Self.minimumSecretLength else { throw .shortSecret }
        await self.init(name: nil, secret: Data(secret.utf8), .sha256, "HS256")
    }

    init(name: String?, secret: Data, _ digest: DigestAlgorithm, _ algorithm: String) async {
        id = TokenKeyID([algorithm, secret.base64EncodedString()])
        self.name = name
        self.algorithm = algorithm
        key = await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: digest)
    }

    /// - Parameter jwk: A public key with its algorithm; jwt-kit requires an identifier, which may be any.
    /// - Throws: Errors of jwt-kit, whose descriptions may contain parts of the key.
    init(name: String?, jwk: JWK, _ algorithm: String) async throws {
        id = TokenKeyID([
            algorithm, jwk.curve?.rawValue, jwk.modulus, jwk.exponent, jwk.x, jwk.y,
        ])
        self.name = name
        self.algorithm = algorithm
        key = try await JWTKeyCollection().add(jwk: jwk)
        // Throws if jwt-kit does not support the algorithm for this key.
        _ = try await key.getKey()
    }

    /// Whether this key may have signed a token with this header.
    ///
    /// The header selects keys; it never decides how a signature is verified.
    func mayHaveSigned(_ header: TokenHeader) -> Bool {
        header.alg == algorithm && (name == nil || header.kid == nil || name == header.kid)
    }

    /// Verifies the signature and decodes the claims, without checking them.
    ///
    /// - Throws: `TokenFlaw.wrongSignature`, or `invalidClaim` if the signed claims cannot be decoded.
    func claims(of token: String) async throws(CredentialError) -> TokenClaims {
        do {
            return try await key.verify(token)
        } catch let error as JWTError where error.errorType == .malformedToken {
            throw .tokenInvalid(.invalidClaim)
        } catch {
            throw .tokenInvalid(.wrongSignature)
        }
    }
}

/// The reason why keys cannot be used.
///
/// It contains no part of a key.
package enum TokenKeyError: Error, Hashable, CustomStringConvertible {
    case shortSecret
    /// Not a JSON object with a list `keys`.
    case notAKeySet
    /// No key of the set is for signatures.
    case emptyKeySet
    /// The key at an index of the set, from 0.
    case unusableKey(index: Int, JSONWebKeyFlaw)

    package var description: String {
        switch self {
        case .shortSecret: "a secret needs at least \(TokenKey.minimumSecretLength) bytes"
        case .notAKeySet: "this is not a JWK set, a JSON object with a list \"keys\""
        case .emptyKeySet: "the JWK set has no key for signatures"
        case .unusableKey(let index, let flaw): "key \(index + 1) of the JWK set \(flaw.reason)"
        }
    }
}

/// What is wrong with a key of a JWK set.
package enum JSONWebKeyFlaw: Error, Hashable {
    case unsupportedType
    case unsupportedAlgorithm
    case tooShort
    case malformed

    fileprivate var reason: String {
        switch self {
        case .unsupportedType: "must have the \"kty\" oct, RSA, EC (P-256, P-384, P-521) or OKP (Ed25519)"
        case .unsupportedAlgorithm: "has an \"alg\" that does not fit its type or is not supported"
        case .tooShort: "is too short: RSA needs 2,048 bits, HS256 32 bytes, HS384 48 and HS512 64"
        case .malformed: "lacks a parameter of its type or has an invalid one"
        }
    }
}
