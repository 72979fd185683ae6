package import ChatDomain

/// A verified credential: who calls, and until when.
///
/// A class, because requests copy their context often.
package final class Credential: Sendable {
    /// What was verified.
    package enum Source: Hashable, Sendable {
        /// A user's token, with the key that signed it.
        case token(TokenHash, TokenKeyID)
        /// The server key with this id.
        case serverKey(String)
        /// A ticket, with the key of the credential with which it was made.
        case ticket(TokenHash, Key)
    }

    /// The key without which a credential is void.
    package enum Key: Hashable, Sendable {
        case token(TokenKeyID)
        /// By its id.
        case server(String)
    }

    /// In whose name the request is made, and with which rights.
    package let caller: Caller
    package let source: Source
    /// `iat` of the token, or of the one with which a ticket was made; when the ticket was made, if that was with a server
    /// key; nil if it is absent.
    let issuedAt: Instant?
    /// The scope of a server key; nil for a token.
    package let scope: ServerKeyScope?
    /// When the credential ends; nil for never.
    package let expiresAt: Instant?
    /// The version of the access data that the credential was checked against.
    let version: Int64

    init(
        caller: Caller,
        source: Source,
        issuedAt: Instant? = nil,
        scope: ServerKeyScope? = nil,
        expiresAt: Instant? = nil,
        version: Int64
    ) {
        self.caller = caller
        self.source = source
        self.issuedAt = issuedAt
        self.scope = scope
        self.expiresAt = expiresAt
        self.version = version
    }

    /// Once this key is removed or revoked, so is the credential.
    var key: Key {
        switch source {
        case .token(_, let key): .token(key)
        case .serverKey(let id): .server(id)
        case .ticket(_, let key): key
        }
    }

    /// The id of the server key that was presented, or with which the ticket was made; nil for a user's token.
    package var serverKeyID: String? {
        if case .server(let id) = key { id } else { nil }
    }

    /// Identifies the credential in a log: the end of the hash of a token or ticket, or a server key's id.
    package var logName: String {
        switch source {
        case .token(let hash, _), .ticket(let hash, _): hash.suffix
        case .serverKey(let id): id
        }
    }
}

extension UserStanding {
    /// Whether a token is void: revoked, or the user has lost access.
    ///
    /// - Parameter issuedAt: `iat`; a token without it is void once any was revoked.
    func flaw(ofTokenIssuedAt issuedAt: Instant?, tokensValidAfter: Instant?) -> TokenFlaw? {
        if isDeactivated { return .userDeactivated }
        guard let validAfter = [tokensValidAfter, self.tokensValidAfter].compactMap(\.self).max() else { return nil }
        if let issuedAt, issuedAt >= validAfter { return nil }
        return .revoked
    }
}
