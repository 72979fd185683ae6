import FoundationEssentials

/// The fields of a token's header that select its key.
///
/// The header is decoded before the signature is verified, so it may contain anything. Do not decode it as jwt-kit's
/// `JWTHeader`, which traps on a large number.
struct TokenHeader: Decodable {
    let alg: String
    let kid: String?
    /// Extensions that the recipient must understand (RFC 7515, 4.1.11); the service has none.
    let crit: [String]?

    init(of token: String) throws(CredentialError) {
        guard let end = token.firstIndex(of: "."), let json = Data(base64URLEncoded: token[..<end]),
            let header = try? JSONDecoder().decode(TokenHeader.self, from: json), header.crit == nil
        else { throw .tokenInvalid(.malformed) }
        self = header
    }
}
