import ChatDomain
import JWTKit

/// The claims that the service knows, as in the token's JSON.
struct TokenClaims: JWTPayload {
    var sub: String?
    /// In seconds since 1970, like `iat` and `nbf`; a fraction is allowed.
    var exp: Double?
    var iat: Double?
    var nbf: Double?
    var iss: String?
    var aud: Audience?
    var chat: ChatClaim?

    /// A name or a list of names.
    ///
    /// jwt-kit's `AudienceClaim` traps on an empty list.
    struct Audience: Codable, Sendable {
        let names: [String]

        init(_ names: [String]) {
            self.names = names
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let name = try? container.decode(String.self) {
                names = [name]
            } else {
                names = try container.decode([String].self)
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            if names.count == 1 {
                try container.encode(names[0])
            } else {
                try container.encode(names)
            }
        }
    }

    /// The service's own claim.
    struct ChatClaim: Codable, Sendable {
        var role: String?
        var name: String?
        var grants: [String: String]?
    }

    /// Does nothing: `checked` needs the time and the rules.
    func verify(using algorithm: some JWTAlgorithm) {}

    /// Checks the claims of a token whose signature was verified.
    func checked(
        by rules: TokenRules,
        at now: Instant,
        signedWith keyID: TokenKeyID
    ) throws(CredentialError) -> UserToken {
        guard let expiresAt = exp.map(Instant.init(secondsSinceEpoch:)) else { throw .tokenInvalid(.missingExpiration) }
        guard now < expiresAt.advanced(by: rules.leeway) else { throw .tokenExpired }
        let issuedAt = iat.map(Instant.init(secondsSinceEpoch:))
        let starts = [issuedAt, nbf.map(Instant.init(secondsSinceEpoch:))].compactMap(\.self)
        guard starts.allSatisfy({ $0 <= now.advanced(by: rules.leeway) }) else { throw .tokenInvalid(.notYetValid) }
        guard expiresAt <= now.advanced(by: rules.maximumAge + rules.leeway)
        else { throw .tokenInvalid(.expirationTooLate) }
        if let issuer = rules.issuer, iss != issuer { throw .tokenInvalid(.wrongIssuer) }
        if let audience = rules.audience, aud?.names.contains(audience) != true {
            throw .tokenInvalid(.wrongAudience)
        }
        guard let userID = sub.flatMap({ UserID($0) }) else { throw .tokenInvalid(.invalidSubject) }
        guard let role = ApplicationRole(rawValue: chat?.role ?? ApplicationRole.user.rawValue),
            let grants = Grants(claim: chat?.grants ?? [:])
        else { throw .tokenInvalid(.invalidChatClaim) }
        return UserToken(
            userID: userID,
            role: role,
            name: chat?.name,
            grants: grants,
            issuedAt: issuedAt,
            expiresAt: expiresAt,
            keyID: keyID
        )
    }
}

extension Instant {
    /// Rounds to a microsecond, and limits the time to about 30,000 years from 1970 in both directions.
    fileprivate init(secondsSinceEpoch seconds: Double) {
        self.init(microsecondsSinceEpoch: Int64((min(max(seconds, -1e12), 1e12) * 1_000_000).rounded()))
    }

    /// Reads back as the same instant: doubles of this size are a quarter of a microsecond apart.
    var secondsSinceEpoch: Double {
        Double(microsecondsSinceEpoch) / 1_000_000
    }
}
