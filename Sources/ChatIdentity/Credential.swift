package import ChatDomain

/// A verified credential: who calls, and until when.
///
/// A class, because requests copy their context often.
package final class Credential: Sendable {
    /// What was verified.
    package enum Source: Hashable, Sendable {
        /// A user's token.
        ///
        /// - Parameter issuedAt: `iat`; nil if it is absent.
        case token(TokenHash, issuedAt: Instant?)
        /// The server key with this id.
        case serverKey(String)
        /// A ticket.
        ///
        /// - Parameters:
        ///   - issuedAt: That of the token with which the ticket was made; of the ticket itself, if it was a server key.
        ///   - serverKey: The id of the key with which it was made; nil if it was a token.
        case ticket(TokenHash, issuedAt: Instant?, serverKey: String?)
    }

    /// In whose name the request is made, and with which rights.
    package let caller: Caller
    package let source: Source
    /// The scope of a server key; nil for a token.
    package let scope: ServerKeyScope?
    /// When the credential ends; nil for never.
    package let expiresAt: Instant?
    /// The version of the access data that the credential was checked against.
    let version: Int64

    init(caller: Caller, source: Source, scope: ServerKeyScope? = nil, expiresAt: Instant?, version: Int64) {
        self.caller = caller
        self.source = source
        self.scope = scope
        self.expiresAt = expiresAt
        self.version = version
    }

    /// Identifies the credential in a log: the end of the hash of a token or ticket, or a server key's id.
    package var logName: String {
        switch source {
        case .token(let hash, _), .ticket(let hash, _, _): hash.suffix
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
