import ChatDomain

/// The part of the access data that is kept for all users together.
struct AccessTable {
    var version: Int64 = 0
    var tokensValidAfter: Instant?
    /// By id.
    var keys: [String: ServerKeyRecord] = [:]

    /// Why a credential that was valid has become void; nil if it has not.
    ///
    /// - Parameters:
    ///   - tokenKeys: The keys that verify tokens.
    ///   - changed: Users whose standing changed.
    func error(
        of credential: Credential,
        _ tokenKeys: Set<TokenKeyID>,
        _ changed: [UserID: UserStanding]
    ) -> CredentialError? {
        switch credential.key {
        case .token(let id): if !tokenKeys.contains(id) { return .tokenInvalid(.unknownKey) }
        case .server(let id): if keys[id]?.revokedAt != nil { return .keyRevoked }
        }
        guard let user = credential.caller.author else { return nil }
        let standing = changed[user] ?? UserStanding()
        if case .serverKey = credential.source {
            return standing.isDeactivated ? .tokenInvalid(.userDeactivated) : nil
        }
        let flaw = standing.flaw(ofTokenIssuedAt: credential.issuedAt, tokensValidAfter: tokensValidAfter)
        return flaw.map { .tokenInvalid($0) }
    }
}
